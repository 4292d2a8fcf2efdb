package cluster

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Health is what a load balancer asks of a node before it sends traffic for
// one Service there.
type Health struct {
	Port  uint16       // zero: it does not ask
	Ready []netip.Addr // of endpoints on this node that are ready and stay, sorted, without duplicates
}

// healthPort is zero unless it matters to the load balancer which node it
// sends to.
func (n *notes) healthPort(svc *v1.Service) uint16 {
	if svc.Spec.Type != v1.ServiceTypeLoadBalancer || svc.Spec.ExternalTrafficPolicy != v1.ServiceExternalTrafficPolicyLocal {
		return 0
	}
	port, err := parsePort(svc.Spec.HealthCheckNodePort)
	if err != nil {
		n.add(err, "spec.healthCheckNodePort")
	}
	return port
}

// shareHealth counts an endpoint once, however many of the ports it serves. One
// that terminates does not count even while it serves: new connections are
// better off elsewhere.
func shareHealth(ports []Port) {
	if ports[0].Health.Port == 0 {
		return
	}
	var ready []netip.Addr
	for _, p := range ports {
		for _, e := range p.Endpoints {
			if e.Local && e.Ready && !e.Terminating {
				ready = append(ready, e.Addr.Addr())
			}
		}
	}
	slices.SortFunc(ready, netip.Addr.Compare)
	ready = slices.Compact(ready)
	for i := range ports {
		ports[i].Health.Ready = ready
	}
}
