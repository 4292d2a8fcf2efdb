package watch

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	// A Service with this label is served by another proxy.
	otherProxy = "!" + "service.kubernetes.io/service-proxy-name"
	headless   = "!" + v1.IsHeadlessService

	byService = "service"
)

// Cluster answers what the API holds now. Its answers are shared with the
// cache: they must not be changed.
type Cluster struct {
	node     string
	services cache.TypedSharedIndexInformer[*v1.Service]
	slices   cache.TypedSharedIndexInformer[*discovery.EndpointSlice]
	nodes    cache.TypedSharedIndexInformer[*v1.Node]
	ranges   *ranges
	synced   []cache.DoneChecker
}

// New returns a Cluster that marks in changes whatever moves once it runs. Node
// names our Node: of all others it keeps the addresses and the networks of their Pods alone.
func New(client kubernetes.Interface, node string, changes *Changes) (*Cluster, error) {
	core, disc := client.CoreV1(), client.DiscoveryV1()
	c := &Cluster{
		node: node,
		services: informer(client, &v1.Service{}, &source[*v1.ServiceList]{
			name:   "Services",
			labels: otherProxy,
			// API servers before 1.31 do not know this field.
			fields:   fields.OneTermNotEqualSelector("spec.clusterIP", v1.ClusterIPNone),
			optional: true,
			list:     core.Services(metav1.NamespaceAll).List,
			watch:    core.Services(metav1.NamespaceAll).Watch,
		}),
		slices: informer(client, &discovery.EndpointSlice{}, &source[*discovery.EndpointSliceList]{
			name:   "EndpointSlices",
			labels: headless,
			fields: fields.Everything(),
			list:   disc.EndpointSlices(metav1.NamespaceAll).List,
			watch:  disc.EndpointSlices(metav1.NamespaceAll).Watch,
		}),
		nodes: informer(client, &v1.Node{}, &source[*v1.NodeList]{
			name:   "Nodes",
			fields: fields.Everything(),
			list:   core.Nodes().List,
			watch:  core.Nodes().Watch,
		}),
		ranges: newRanges(client),
	}
	_ = c.nodes.SetTransform(trimOthers(node)) // fails only for an informer that runs already
	if err := c.slices.AddTypedIndexers(cache.TypedIndexers[*discovery.EndpointSlice]{byService: serviceKey}); err != nil {
		return nil, err
	}
	return c, c.mark(changes)
}

// Run follows the API until ctx ends. It may be called once.
func (c *Cluster) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.services.RunWithContext(ctx) })
	wg.Go(func() { c.slices.RunWithContext(ctx) })
	wg.Go(func() { c.nodes.RunWithContext(ctx) })
	wg.Go(func() { c.ranges.run(ctx) })
	wg.Wait()
}

// WaitForSync returns when everything that the API held at the start is at hand
// and marked, or with ctx's error when that ends first. Without Run it waits
// for ctx.
func (c *Cluster) WaitForSync(ctx context.Context) error {
	if !cache.WaitFor(ctx, "", c.synced...) {
		return context.Cause(ctx)
	}
	return nil
}

// Service answers with the Service of this name, nil when there is none that
// concerns us, and with the slices that name it, ordered by name.
func (c *Cluster) Service(n types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice) {
	svc, _ := stored(c.services, n.String())
	// The index exists, and that is all ByTypedIndex could complain of.
	found, _ := c.slices.GetTypedIndexer().ByTypedIndex(byService, n.String())
	slices.SortFunc(found, func(a, b *discovery.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	return svc, found
}

// At answers with the Service that has this cluster address. It looks at all of
// them.
func (c *Cluster) At(addr netip.Addr) (name types.NamespacedName, ok bool) {
	for _, obj := range c.services.GetStore().List() {
		svc, _ := obj.(*v1.Service)
		if svc == nil {
			continue
		}
		for _, text := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
			if has, err := netip.ParseAddr(text); err == nil && has == addr {
				return nameOf(svc), true
			}
		}
	}
	return types.NamespacedName{}, false
}

// Node answers with our Node, nil when the API has none of its name.
func (c *Cluster) Node() *v1.Node {
	node, _ := stored(c.nodes, c.node)
	return node
}

// Nodes answers with all Nodes, in no order.
func (c *Cluster) Nodes() (all []*v1.Node) {
	for _, obj := range c.nodes.GetStore().List() {
		if n, ok := obj.(*v1.Node); ok {
			all = append(all, n)
		}
	}
	return all
}

// Ranges answers with the networks that the API gives cluster addresses from,
// in no order; none when it does not tell.
func (c *Cluster) Ranges() (cidrs []string) {
	for _, obj := range c.ranges.GetStore().List() {
		if r, ok := obj.(*networking.ServiceCIDR); ok {
			cidrs = append(cidrs, r.Spec.CIDRs...)
		}
	}
	return cidrs
}

func stored[T cache.Object](in cache.TypedSharedIndexInformer[T], key string) (T, bool) {
	obj, _, _ := in.GetStore().GetByKey(key)
	t, ok := obj.(T)
	return t, ok
}

// serviceKey is the name of the Service that a slice belongs to, or nothing.
func serviceKey(s *discovery.EndpointSlice) ([]string, error) {
	if n, ok := serviceOf(s); ok {
		return []string{n.String()}, nil
	}
	return nil, nil
}

func serviceOf(s *discovery.EndpointSlice) (types.NamespacedName, bool) {
	name := s.Labels[discovery.LabelServiceName]
	return types.NamespacedName{Namespace: s.Namespace, Name: name}, name != ""
}
