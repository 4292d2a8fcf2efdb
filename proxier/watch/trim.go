package watch

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations and labels that we or others may give a meaning for this proxy.
var ourPrefixes = []string{"kube-ipvs.io/", "kube-router.io/"}

// trim leaves of an object only what this program reads. A change that reads
// another field names it here. It may meet an object twice.
func trim(obj any) (any, error) {
	switch obj := obj.(type) {
	case *v1.Service:
		trimService(obj)
	case *discovery.EndpointSlice:
		trimSlice(obj)
	case *v1.Node:
		trimNode(obj)
	}
	return obj, nil
}

func trimService(s *v1.Service) {
	trimMeta(&s.ObjectMeta)
	spec := &s.Spec
	s.Spec = v1.ServiceSpec{
		Type:                     spec.Type,
		ClusterIP:                spec.ClusterIP,
		ClusterIPs:               spec.ClusterIPs,
		IPFamilies:               spec.IPFamilies,
		ExternalIPs:              spec.ExternalIPs,
		Ports:                    spec.Ports,
		SessionAffinity:          spec.SessionAffinity,
		SessionAffinityConfig:    spec.SessionAffinityConfig,
		InternalTrafficPolicy:    spec.InternalTrafficPolicy,
		ExternalTrafficPolicy:    spec.ExternalTrafficPolicy,
		HealthCheckNodePort:      spec.HealthCheckNodePort,
		LoadBalancerSourceRanges: spec.LoadBalancerSourceRanges,
	}
	for i, p := range s.Spec.Ports {
		s.Spec.Ports[i] = v1.ServicePort{Name: p.Name, Protocol: p.Protocol, Port: p.Port, NodePort: p.NodePort}
	}
	s.Status = v1.ServiceStatus{LoadBalancer: s.Status.LoadBalancer}
}

func trimSlice(s *discovery.EndpointSlice) {
	trimMeta(&s.ObjectMeta, discovery.LabelServiceName, v1.EndpointsLastChangeTriggerTime)
	for i, e := range s.Endpoints {
		s.Endpoints[i] = discovery.Endpoint{
			Addresses: e.Addresses,
			Conditions: discovery.EndpointConditions{
				Ready: one(e.Conditions.Ready), Serving: one(e.Conditions.Serving), Terminating: one(e.Conditions.Terminating),
			},
			NodeName: e.NodeName,
			Hints:    e.Hints,
			Hostname: podOf(e),
		}
	}
	share(s.Endpoints)
}

// One of each is enough for all endpoints of the cluster.
var yes, no = true, false

func one(p *bool) *bool {
	switch {
	case p == nil:
		return nil
	case *p:
		return &yes
	}
	return &no
}

// share lets endpoints on one node, or with the same hints, have one copy of
// them: there are hundreds of thousands of endpoints.
func share(all []discovery.Endpoint) {
	nodes := map[string]*string{}
	for i := range all {
		e := &all[i]
		if e.NodeName != nil {
			if same, known := nodes[*e.NodeName]; known {
				e.NodeName = same
			} else {
				nodes[*e.NodeName] = e.NodeName
			}
		}
		if i > 0 && sameHints(e.Hints, all[i-1].Hints) {
			e.Hints = all[i-1].Hints
		}
	}
}

// podOf is the name of the Pod behind an endpoint, for those who look. It stands
// where host names do: a whole reference is seven strings.
func podOf(e discovery.Endpoint) *string {
	if e.TargetRef == nil || e.TargetRef.Kind != "Pod" {
		return e.Hostname
	}
	name := e.TargetRef.Name // alone: a pointer into the reference would keep all of it
	return &name
}

// trimNode keeps the taints because one of them says that the node is about to
// be deleted, and drops the heartbeat, which would make every Node move.
func trimNode(n *v1.Node) {
	deleted := n.DeletionTimestamp
	trimMeta(&n.ObjectMeta, v1.LabelTopologyZone)
	n.DeletionTimestamp = deleted
	n.Spec = v1.NodeSpec{PodCIDR: n.Spec.PodCIDR, PodCIDRs: n.Spec.PodCIDRs, Taints: n.Spec.Taints}
	n.Status = v1.NodeStatus{Addresses: n.Status.Addresses, DaemonEndpoints: n.Status.DaemonEndpoints}
}

// trimOthers is trim for all Nodes, of which there may be thousands: of those
// with another name it leaves the addresses and the networks of Pods.
func trimOthers(ours string) func(any) (any, error) {
	return func(obj any) (any, error) {
		n, ok := obj.(*v1.Node)
		if !ok || n.Name == ours {
			return trim(obj)
		}
		*n = v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: n.Name, UID: n.UID, ResourceVersion: n.ResourceVersion},
			Spec:       v1.NodeSpec{PodCIDR: n.Spec.PodCIDR, PodCIDRs: n.Spec.PodCIDRs},
			Status:     v1.NodeStatus{Addresses: n.Status.Addresses},
		}
		return n, nil
	}
}

// trimMeta keeps who an object is, and of its labels and annotations those with
// our prefixes and these keys.
func trimMeta(m *metav1.ObjectMeta, keys ...string) {
	*m = metav1.ObjectMeta{
		Namespace:         m.Namespace,
		Name:              m.Name,
		UID:               m.UID,
		ResourceVersion:   m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp,
		Labels:            only(m.Labels, keys),
		Annotations:       only(m.Annotations, keys),
	}
}

func only(all map[string]string, keys []string) map[string]string {
	var kept map[string]string
	keep := func(key, value string) {
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	for _, key := range keys {
		if value, ok := all[key]; ok {
			keep(key, value)
		}
	}
	for key, value := range all {
		for _, prefix := range ourPrefixes {
			if strings.HasPrefix(key, prefix) {
				keep(key, value)
			}
		}
	}
	return kept
}
