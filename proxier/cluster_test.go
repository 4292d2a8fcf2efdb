package proxier_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// fakeCluster is the API in memory: what is put in is marked, as informers do.
type fakeCluster struct {
	mu       sync.Mutex
	changes  *watch.Changes
	services map[types.NamespacedName]*v1.Service
	slices   map[types.NamespacedName]map[string]*discovery.EndpointSlice // by Service and name
	node     *v1.Node
	others   []*v1.Node
	events   string
	ranges   []string
	away     bool // it never answers
}

// Warn notes an Event.
func (c *fakeCluster) Warn(about *v1.Service, of proxier.Warning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events += fmt.Sprintf("%s: %s\n", nameOf(about.ObjectMeta), of.Note)
}

// WarnNode notes an Event.
func (c *fakeCluster) WarnNode(about *v1.Node, of proxier.Warning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events += fmt.Sprintf("node %s: %s\n", about.Name, of.Note)
}

// told is what has been noted since the last time.
func (c *fakeCluster) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.events
	c.events = ""
	return told
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{
		changes:  watch.NewChanges(),
		services: map[types.NamespacedName]*v1.Service{},
		slices:   map[types.NamespacedName]map[string]*discovery.EndpointSlice{},
		node:     &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}},
	}
}

// WaitForSync marks everything, as a new informer does.
func (c *fakeCluster) WaitForSync(ctx context.Context) error {
	if c.away {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.services {
		c.changes.Mark(n, time.Time{})
	}
	if len(c.ranges) > 0 {
		c.changes.MarkRanges()
	}
	if len(c.node.Spec.PodCIDRs) > 0 {
		c.changes.MarkNode()
	}
	if len(c.others) > 0 {
		c.changes.MarkHosts()
	}
	return nil
}

func (c *fakeCluster) Service(n types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.services[n], slices.Collect(maps.Values(c.slices[n]))
}

func (c *fakeCluster) Node() *v1.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node
}

// Nodes are the own one and others.
func (c *fakeCluster) Nodes() []*v1.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(slices.Clone(c.others), c.node)
}

// setOthers has the cluster have other Nodes at these addresses.
func (c *fakeCluster) setOthers(addrs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = nil
	for _, a := range addrs {
		c.others = append(c.others, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "node-" + a},
			Status:     v1.NodeStatus{Addresses: []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: a}}},
		})
	}
	c.changes.MarkHosts()
}

func (c *fakeCluster) Ranges() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ranges)
}

func (c *fakeCluster) setZone(zone string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node = c.node.DeepCopy()
	c.node.Labels = map[string]string{v1.LabelTopologyZone: zone}
	c.changes.MarkNode()
}

func (c *fakeCluster) setKubeletPort(port int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node = c.node.DeepCopy()
	c.node.Status.DaemonEndpoints.KubeletEndpoint.Port = port
	c.changes.MarkNode()
}

func (c *fakeCluster) setPods(cidrs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node = c.node.DeepCopy()
	c.node.Spec.PodCIDRs = cidrs
	c.changes.MarkNode()
}

func (c *fakeCluster) setRanges(cidrs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ranges = cidrs
	c.changes.MarkRanges()
}

func nameOf(o metav1.ObjectMeta) types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}

func serviceOf(s *discovery.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discovery.LabelServiceName]}
}

func (c *fakeCluster) setService(s *v1.Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services[nameOf(s.ObjectMeta)] = s
	c.changes.Mark(nameOf(s.ObjectMeta), time.Time{})
}

func (c *fakeCluster) setSlice(s *discovery.EndpointSlice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slices[serviceOf(s)] == nil {
		c.slices[serviceOf(s)] = map[string]*discovery.EndpointSlice{}
	}
	c.slices[serviceOf(s)][s.Name] = s
	c.changes.MarkEndpoints(serviceOf(s), time.Time{})
}

// apply puts the objects of a YAML text in.
func (c *fakeCluster) apply(text string) error {
	for _, document := range strings.Split(text, "\n---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			return err
		}
		switch kind.Kind {
		case "Service":
			var s v1.Service
			if err := yaml.UnmarshalStrict([]byte(document), &s); err != nil {
				return err
			}
			c.setService(&s)
		case "EndpointSlice":
			var s discovery.EndpointSlice
			if err := yaml.UnmarshalStrict([]byte(document), &s); err != nil {
				return err
			}
			c.setSlice(&s)
		default:
			return fmt.Errorf("kind %q", kind.Kind)
		}
	}
	return nil
}

// remove takes a Service out; its slices stay, as they do for a while.
func (c *fakeCluster) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	namespace, base, _ := strings.Cut(name, "/")
	n := types.NamespacedName{Namespace: namespace, Name: base}
	delete(c.services, n)
	c.changes.Mark(n, time.Time{})
}
