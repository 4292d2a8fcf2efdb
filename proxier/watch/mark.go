package watch

import (
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// mark has every informer mark in changes what it sees move.
func (c *Cluster) mark(changes *Changes) error {
	services, err := c.services.AddTypedEventHandler(cache.TypedResourceEventHandlerFuncs[*v1.Service]{
		AddFunc: func(s *v1.Service) { changes.Mark(nameOf(s), time.Time{}) },
		UpdateFunc: func(was, is *v1.Service) {
			if !sameService(was, is) {
				changes.Mark(nameOf(is), time.Time{})
			}
		},
		DeleteFunc: func(gone cache.DeletedObject[*v1.Service]) {
			changes.Mark(types.NamespacedName(gone.GetObjectName()), time.Time{})
		},
	})
	if err != nil {
		return err
	}
	slices, err := c.slices.AddTypedEventHandler(cache.TypedResourceEventHandlerFuncs[*discovery.EndpointSlice]{
		AddFunc: func(s *discovery.EndpointSlice) { changes.markSlice(s, triggered(s)) },
		UpdateFunc: func(was, is *discovery.EndpointSlice) {
			if sameSlice(was, is) {
				return
			}
			if was.Labels[discovery.LabelServiceName] != is.Labels[discovery.LabelServiceName] {
				changes.markSlice(was, time.Time{})
			}
			changes.markSlice(is, triggered(is))
		},
		DeleteFunc: func(gone cache.DeletedObject[*discovery.EndpointSlice]) {
			// The annotation tells of the last change before the deletion.
			if gone.OptionalObj != nil {
				changes.markSlice(gone.OptionalObj, time.Time{})
			}
		},
	})
	if err != nil {
		return err
	}
	nodes, err := c.nodes.AddTypedEventHandler(c.nodeHandler(changes))
	if err != nil {
		return err
	}
	if err := c.ranges.mark(changes); err != nil {
		return err
	}
	c.synced = []cache.DoneChecker{services.HasSyncedChecker(), slices.HasSyncedChecker(), nodes.HasSyncedChecker(), c.ranges}
	return nil
}

// nodeHandler marks our Node for whatever is kept of it, and the others for their
// addresses and those of their Pods. A heartbeat of any of them marks nothing.
func (c *Cluster) nodeHandler(changes *Changes) cache.TypedResourceEventHandlerFuncs[*v1.Node] {
	came := func(name string) {
		changes.MarkHosts()
		if name == c.node {
			changes.MarkNode()
		}
	}
	return cache.TypedResourceEventHandlerFuncs[*v1.Node]{
		AddFunc: func(n *v1.Node) { came(n.Name) },
		UpdateFunc: func(was, is *v1.Node) {
			if !slices.Equal(was.Status.Addresses, is.Status.Addresses) || !slices.Equal(was.Spec.PodCIDRs, is.Spec.PodCIDRs) || was.Spec.PodCIDR != is.Spec.PodCIDR {
				changes.MarkHosts()
			}
			if is.Name == c.node && !sameNode(was, is) {
				changes.MarkNode()
			}
		},
		DeleteFunc: func(gone cache.DeletedObject[*v1.Node]) { came(gone.GetObjectName().Name) },
	}
}

func (c *Changes) markSlice(s *discovery.EndpointSlice, at time.Time) {
	if svc, ok := serviceOf(s); ok {
		c.MarkEndpoints(svc, at)
	}
}

func nameOf(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// triggered is when the change happened that s was last written for, or zero.
func triggered(s *discovery.EndpointSlice) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s.Annotations[v1.EndpointsLastChangeTriggerTime])
	if err != nil {
		return time.Time{}
	}
	return at
}

// The functions below compare trimmed objects. Two that differ only in their
// version are the same: a resync, or a change of something trimmed away.

func sameService(a, b *v1.Service) bool {
	return sameMeta(a.ObjectMeta, b.ObjectMeta) &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Status, b.Status)
}

func sameSlice(a, b *discovery.EndpointSlice) bool {
	return sameMeta(a.ObjectMeta, b.ObjectMeta) && a.AddressType == b.AddressType &&
		slices.EqualFunc(a.Endpoints, b.Endpoints, sameEndpoint) && equality.Semantic.DeepEqual(a.Ports, b.Ports)
}

// sameEndpoint is DeepEqual of what trim leaves of an endpoint, at a tenth of the
// cost: a slice has up to a thousand, of which one has changed.
func sameEndpoint(a, b discovery.Endpoint) bool {
	return slices.Equal(a.Addresses, b.Addresses) &&
		equal(a.Conditions.Ready, b.Conditions.Ready) && equal(a.Conditions.Serving, b.Conditions.Serving) &&
		equal(a.Conditions.Terminating, b.Conditions.Terminating) &&
		equal(a.NodeName, b.NodeName) && equal(a.Hostname, b.Hostname) && sameHints(a.Hints, b.Hints)
}

func sameHints(a, b *discovery.EndpointHints) bool {
	return a == b || equality.Semantic.DeepEqual(a, b)
}

// equal compares what a and b point to, if anything.
func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameNode(a, b *v1.Node) bool {
	return sameMeta(a.ObjectMeta, b.ObjectMeta) &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Status, b.Status)
}

func sameMeta(a, b metav1.ObjectMeta) bool {
	a.ResourceVersion, b.ResourceVersion = "", ""
	a.Annotations, b.Annotations = withoutTrigger(a.Annotations), withoutTrigger(b.Annotations)
	return equality.Semantic.DeepEqual(a, b)
}

func withoutTrigger(annotations map[string]string) map[string]string {
	rest := maps.Clone(annotations)
	delete(rest, v1.EndpointsLastChangeTriggerTime)
	return rest
}
