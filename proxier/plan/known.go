package plan

import (
	"maps"
	"net/netip"
	"slices"
	"sort"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

// index keeps addresses by the Services that they have to do with.
type index struct {
	services map[netip.Addr]map[types.NamespacedName]struct{}
	of       map[types.NamespacedName][]netip.Addr
}

func newIndex() index {
	return index{map[netip.Addr]map[types.NamespacedName]struct{}{}, map[types.NamespacedName][]netip.Addr{}}
}

// put replaces the addresses of svc, which are sorted, and tells which are new to the index, or have
// left it.
func (x index) put(svc types.NamespacedName, addrs []netip.Addr) (moved []netip.Addr) {
	before := x.of[svc]
	for _, a := range addrs {
		if x.services[a] == nil {
			x.services[a] = map[types.NamespacedName]struct{}{}
			moved = append(moved, a)
		}
		x.services[a][svc] = struct{}{}
	}
	for _, a := range before {
		if _, still := slices.BinarySearchFunc(addrs, a, netip.Addr.Compare); still {
			continue
		}
		if delete(x.services[a], svc); len(x.services[a]) == 0 {
			delete(x.services, a)
			moved = append(moved, a)
		}
	}
	if x.of[svc] = addrs; len(addrs) == 0 {
		delete(x.of, svc)
	}
	return moved
}

// first is the Service of addr with the smallest name.
func (x index) first(addr netip.Addr) (svc types.NamespacedName, ok bool) {
	for name := range x.services[addr] {
		if !ok || byName(name, svc) < 0 {
			svc, ok = name, true
		}
	}
	return svc, ok
}

// Know notes what addresses in the ranges of in-cluster aliases svc has: its own
// and its endpoints'. No frontend has an alias there. The Services that are upset by it
// have lost one or may have one now: they must register again.
func (o *Ownership) know(svc types.NamespacedName, ports []cluster.Port) (upset []types.NamespacedName) {
	others := map[types.NamespacedName]struct{}{}
	for _, addr := range o.known.put(svc, o.amongAliases(ports)) {
		maps.Copy(others, o.aliased.services[addr])
	}
	delete(others, svc) // it enters anyway
	return slices.SortedFunc(maps.Keys(others), byName)
}

// amongAliases are those addresses of ports that lie where aliases do. Endpoints
// are sorted, so that where there is none that is seen at once.
func (o *Ownership) amongAliases(ports []cluster.Port) (found []netip.Addr) {
	for _, p := range ports {
		for _, a := range p.ClusterIPs {
			if o.aliases.Contain(a) {
				found = append(found, a)
			}
		}
		for _, family := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			in := o.aliases.Range(family)
			all := ofFamily(p.Endpoints, family)
			from := sort.Search(len(all), func(i int) bool { return !all[i].Addr.Addr().Less(in.Masked().Addr()) })
			for _, e := range all[from:] {
				if !in.Contains(e.Addr.Addr()) {
					break
				}
				found = append(found, e.Addr.Addr())
			}
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}
