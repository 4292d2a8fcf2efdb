package proxier

import (
	"slices"
	"strings"
	"sync/atomic"

	"k8s.io/klog/v2"
)

// runningProxy is a kube-proxy that is at work on the same node. We say so and
// keep out of its way; one of the two has to be stopped.
type runningProxy struct {
	signs     []string    // things of its making that have come since our takeover
	portTaken atomic.Bool // another process has our health check's port, which is kube-proxy's
	told      []string    // what has been said of it
}

// HealthPortTaken notes whether another process listens where our health check
// should. Unlike the rest it may be called by any goroutine.
func (p *Proxier) HealthPortTaken(taken bool) { p.kubeProxy.portTaken.Store(taken) }

// tellOfKubeProxy says once for each change by what kube-proxy is seen.
func (p *Proxier) tellOfKubeProxy() {
	n := &p.kubeProxy
	signs := slices.Clone(n.signs)
	if n.portTaken.Load() {
		signs = append(signs, "another process listens on the port of the health check")
	}
	p.metrics.kubeProxy(len(n.signs) > 0, n.portTaken.Load())
	if slices.Equal(signs, n.told) {
		return
	}
	n.told = signs
	if len(signs) == 0 {
		klog.InfoS("kube-proxy does not seem to be at work on this node any more")
		return
	}
	note := "kube-proxy is at work on this node beside kube-ipvs; stop one of the two: " + strings.Join(signs, "; ")
	klog.ErrorS(nil, note)
	if node := p.api.Node(); node != nil {
		p.events.WarnNode(node, Warning{Reason: "KubeProxyAtWork", Action: "TakeOver", Note: note})
	}
}
