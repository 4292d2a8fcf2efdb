package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
)

// takeoverMetrics are about kube-proxy: what it has left, and whether it runs.
type takeoverMetrics struct {
	left    prometheus.Gauge
	running *prometheus.GaugeVec
	removed prometheus.Counter
	done    prometheus.Gauge
}

func newTakeoverMetrics() takeoverMetrics {
	return takeoverMetrics{
		left:    gauge("kubeipvs_kube_proxy_leftovers", "Things that kube-proxy left behind and that others hold, or that could not be looked at."),
		running: gauges("kubeipvs_kube_proxy_running", "1 while there is this sign of a kube-proxy at work on this node.", "evidence"),
		removed: counter("kubeipvs_takeover_removed_total", "Chains and other things of another proxy that were removed by takeover."),
		done:    gauge("kubeipvs_takeover_done", "1 once all that another proxy left behind has been removed, but for what others hold."),
	}
}

func (m takeoverMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.left, m.running, m.removed, m.done}
}

// Removed counts things of another proxy that were removed.
func (t *Telemetry) Removed(things int) { t.takeover.removed.Add(float64(things)) }

// Blocked is how many things of another proxy stay.
func (t *Telemetry) Blocked(things int) { t.takeover.left.Set(float64(things)) }

// TakenOver notes that the takeover is done.
func (t *Telemetry) TakenOver() { t.takeover.done.Set(1) }

// KubeProxy tells by what a running kube-proxy is seen.
func (t *Telemetry) KubeProxy(rules, healthPort bool) {
	for evidence, seen := range map[string]bool{"rules": rules, "health port": healthPort} {
		value := 0.0
		if seen {
			value = 1
		}
		t.takeover.running.WithLabelValues(evidence).Set(value)
	}
}

// KubeProxyAtWork says so to those who look at our Node.
func (t *Telemetry) KubeProxyAtWork(note string) {
	klog.ErrorS(nil, note)
	t.warnings.ofNode(Warning{Reason: "KubeProxyAtWork", Action: "TakeOver", Note: note})
}
