package cluster

import (
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ports reads one Service and its EndpointSlices. A Service that is not ours
// (nil, headless, an ExternalName) has no ports. What cannot be programmed is
// left out and remarked upon.
func Ports(svc *v1.Service, all []*discovery.EndpointSlice, node Node) ([]Port, []Remark) {
	if svc == nil || svc.Spec.Type == v1.ServiceTypeExternalName ||
		svc.Spec.ClusterIP == "" || svc.Spec.ClusterIP == v1.ClusterIPNone {
		return nil, nil
	}
	ports, remarks := readService(svc, node)
	if len(ports) > 0 {
		remarks = append(remarks, fill(ports, all, node)...)
		shareHealth(ports)
	}
	return ports, inOrder(remarks)
}

// readService reads all of the Service's ports but their endpoints.
func readService(svc *v1.Service, node Node) ([]Port, []Remark) {
	name := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	n := notes{object: "Service " + name.String(), node: node}
	common := Port{
		Name:       PortName{Service: name},
		ClusterIPs: n.clusterIPs(svc),
		Internal:   Cluster,
		External:   Cluster,
		Affinity:   n.affinity(svc),

		Scheduler:    n.scheduler(svc),
		DrainTimeout: n.drainTimeout(svc),
	}
	if len(common.ClusterIPs) == 0 {
		return nil, n.remarks
	}
	common.ExternalIPs = common.served(n.addrs("spec.externalIPs", svc.Spec.ExternalIPs...))
	common.IngressIPs = common.served(n.ingressIPs(svc))
	common.SourceRanges = n.sourceRanges(svc)
	if p := svc.Spec.InternalTrafficPolicy; p != nil && *p == v1.ServiceInternalTrafficPolicyLocal {
		common.Internal = Local
	}
	if svc.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal {
		common.External = Local
	}
	common.Health.Port = n.healthPort(svc)
	return n.ports(svc, common), n.remarks
}

// ports gives each port of the Service what all have in common.
func (n *notes) ports(svc *v1.Service, common Port) []Port {
	var ports []Port
	for i, sp := range svc.Spec.Ports {
		p := common
		p.Name.Port = sp.Name
		var err error
		if p.Protocol, err = parseProtocol(sp.Protocol); err != nil {
			n.add(err, "spec.ports[%d].protocol", i)
			continue
		}
		if p.Port, err = parsePort(sp.Port); err != nil {
			n.add(err, "spec.ports[%d].port", i)
			continue
		}
		if sp.NodePort != 0 {
			if p.NodePort, err = parsePort(sp.NodePort); err != nil {
				n.add(err, "spec.ports[%d].nodePort", i)
			}
		}
		ports = append(ports, p)
	}
	return ports
}

func (n *notes) clusterIPs(svc *v1.Service) []netip.Addr {
	if len(svc.Spec.ClusterIPs) == 0 {
		return n.addrs("spec.clusterIP", svc.Spec.ClusterIP)
	}
	return n.addrs("spec.clusterIPs", svc.Spec.ClusterIPs...)
}

// ingressIPs leaves out the addresses of a load balancer that is a proxy of
// its own: their traffic has to go there.
func (n *notes) ingressIPs(svc *v1.Service) []netip.Addr {
	var texts []string
	for _, in := range svc.Status.LoadBalancer.Ingress {
		if in.IP != "" && (in.IPMode == nil || *in.IPMode == v1.LoadBalancerIPModeVIP) {
			texts = append(texts, in.IP)
		}
	}
	return n.addrs("status.loadBalancer.ingress", texts...)
}

func (n *notes) addrs(field string, texts ...string) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := parseAddr(text, n.node)
		if err != nil {
			n.add(err, "%s", field)
			continue
		}
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

func (n *notes) affinity(svc *v1.Service) time.Duration {
	if svc.Spec.SessionAffinity != v1.ServiceAffinityClientIP {
		return 0
	}
	seconds := defaultAffinity
	if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
		seconds = *c.ClientIP.TimeoutSeconds
	}
	affinity, err := parseAffinity(seconds)
	if err != nil {
		n.add(err, "spec.sessionAffinityConfig.clientIP.timeoutSeconds")
	}
	return affinity
}

// drainTimeoutKey is the annotation by which a Service says how long its
// connections to endpoints that have left are waited for.
const drainTimeoutKey = "kube-ipvs.io/drain-timeout"

// DrainTimeoutField is where it says so.
var DrainTimeoutField = annotation(drainTimeoutKey)

func (n *notes) drainTimeout(svc *v1.Service) *time.Duration {
	text, given := svc.Annotations[drainTimeoutKey]
	if !given {
		return nil
	}
	timeout, err := parseDrainTimeout(text)
	if err != nil {
		n.add(err, "%s", DrainTimeoutField)
		return nil
	}
	return &timeout
}

// served are those of addrs in whose family the Service is served.
func (p *Port) served(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(addrs, func(addr netip.Addr) bool { return !p.Serves(addr) })
}
