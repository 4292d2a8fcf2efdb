package takeover

import (
	"slices"
	"strings"

	"k8s.io/klog/v2"
)

// HealthPortTaken notes whether another process listens where our health check
// should, which is where kube-proxy does. Unlike the rest it may be called by any
// goroutine.
func (t *Takeover) HealthPortTaken(taken bool) { t.portTaken.Store(taken) }

// tell says once for each change by what a running kube-proxy is seen. We keep out of
// its way; one of the two has to be stopped.
func (t *Takeover) tell() {
	signs := slices.Clone(t.came)
	if t.portTaken.Load() {
		signs = append(signs, "another process listens on the port of the health check")
	}
	t.cfg.Report.KubeProxy(len(t.came) > 0, t.portTaken.Load())
	if slices.Equal(signs, t.told) {
		return
	}
	t.told = signs
	if len(signs) == 0 {
		klog.InfoS("kube-proxy does not seem to be at work on this node any more")
		return
	}
	t.cfg.Report.KubeProxyAtWork("kube-proxy is at work on this node beside kube-ipvs; stop one of the two: " + strings.Join(signs, "; "))
}
