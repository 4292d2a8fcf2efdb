package plan

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Book remembers which Services ask for which front. The one with the best
// title holds it, of those the oldest, of equally old ones that with the
// smaller name; so every node comes to the same answer, whatever it saw first.
//
// Port 0 of an address stands for all of it: a cluster address belongs to its
// Service, also on ports that this Service does not have.
//
// It also knows the addresses of endpoints and Services among in-cluster aliases,
// which it keeps free of these.
type Book struct {
	claims map[state.VirtualServer][]claim // the holder's first
	asked  map[types.NamespacedName][]state.VirtualServer

	aliases state.Aliases
	known   index // addresses of Services and endpoints, where aliases lie
	aliased index // addresses at which Services ask for aliases
}

type claim struct {
	title Title
	since time.Time
	svc   types.NamespacedName
}

func (c claim) compare(o claim) int {
	return cmp.Or(cmp.Compare(c.title, o.title), c.since.Compare(o.since), byName(c.svc, o.svc))
}

// NewBook returns a Book in which nobody asks for anything.
func NewBook(aliases state.Aliases) *Book {
	return &Book{
		claims:  map[state.VirtualServer][]claim{},
		asked:   map[types.NamespacedName][]state.VirtualServer{},
		aliases: aliases,
		known:   newIndex(),
		aliased: newIndex(),
	}
}

// Enter notes all that svc, which exists since then, asks for; asking for
// nothing gives all back. It answers with those fronts that svc holds, and
// remarks on the others. The Services that are upset by it have gained or lost
// a front, or lose it to another than before: they must enter again.
func (b *Book) Enter(svc types.NamespacedName, since time.Time, asked []Front) (
	held []Front, upset []types.NamespacedName, remarks []cluster.Remark,
) {
	wants := titles(asked)
	touched := maps.Clone(wants)
	for _, server := range b.asked[svc] {
		touched[server] = wants[server]
	}
	others := map[types.NamespacedName]bool{}
	for server := range touched {
		before := b.Holder(server)
		title, stands := wants[server]
		b.settle(server, claim{title, since, svc}, stands)
		if b.Holder(server) == before {
			continue
		}
		for _, c := range b.claims[server] {
			others[c.svc] = true
		}
	}
	delete(others, svc)
	delete(b.asked, svc)
	if len(wants) > 0 {
		b.asked[svc] = slices.Collect(maps.Keys(wants))
	}
	b.aliased.put(svc, aliasesAmong(asked))
	held, remarks = b.divide(svc, asked)
	return held, slices.SortedFunc(maps.Keys(others), byName), remarks
}

// settle makes c's claim on server stand or go.
func (b *Book) settle(server state.VirtualServer, c claim, stands bool) {
	claims := slices.DeleteFunc(b.claims[server], func(o claim) bool { return o.svc == c.svc })
	if stands {
		at, _ := slices.BinarySearchFunc(claims, c, claim.compare)
		claims = slices.Insert(claims, at, c)
	}
	if len(claims) == 0 {
		delete(b.claims, server)
		return
	}
	b.claims[server] = claims
}

// titles are what a Service wants, and with what title.
func titles(asked []Front) map[state.VirtualServer]Title {
	wants := map[state.VirtualServer]Title{}
	for _, f := range asked {
		wants[f.Server] = f.Title
		if whole := whole(f.Server); f.Title == Claimed || f.Field == clusterIPs {
			if title, already := wants[whole]; !already || f.Title < title {
				wants[whole] = f.Title
			}
		}
	}
	return wants
}

// aliasesAmong are the addresses of the in-cluster aliases that are asked for.
func aliasesAmong(asked []Front) (addrs []netip.Addr) {
	for _, f := range asked {
		if f.Title == Shadow {
			addrs = append(addrs, f.Server.Addr.Addr())
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

func whole(server state.VirtualServer) state.VirtualServer {
	return state.VirtualServer{Addr: netip.AddrPortFrom(server.Addr.Addr(), 0)}
}

// Holder is nobody, the empty name, for a front that is not asked for. A whole
// address is held only by the Service that it was allocated to.
func (b *Book) Holder(server state.VirtualServer) types.NamespacedName {
	claims := b.claims[server]
	if len(claims) == 0 || server.Addr.Port() == 0 && claims[0].title != Allocated {
		return types.NamespacedName{}
	}
	return claims[0].svc
}

// Naming are the Services that have, or would have, a front at this address, be it
// an in-cluster alias.
func (b *Book) Naming(addr netip.Addr) (all []types.NamespacedName) {
	all = slices.Collect(maps.Keys(b.aliased.services[addr]))
	for _, c := range b.claims[state.VirtualServer{Addr: netip.AddrPortFrom(addr, 0)}] {
		all = append(all, c.svc)
	}
	return all
}

// divide separates what svc holds from what it does not. A shadow falls with
// what it is the shadow of, which others serve in their own way; that again
// stands without its shadow, with the endpoints for clients from outside.
func (b *Book) divide(svc types.NamespacedName, asked []Front) (held []Front, remarks []cluster.Remark) {
	lost := map[state.VirtualServer]bool{}
	for _, f := range asked {
		problem := b.objection(svc, f)
		switch {
		case problem == "" && !lost[f.Of]:
			held = append(held, f)
			continue
		case f.Title == Shadow && !lost[f.Of]:
			problem = withoutAlias(f.Of, fmt.Sprintf("its in-cluster alias %s %s", f.Server.Addr.Addr(), problem))
		case f.Title == Shadow:
			continue
		default:
			problem = fmt.Sprintf("%s %s", f.Server, problem)
		}
		lost[f.Server] = true
		remarks = append(remarks, f.Port.Remark(f.Field, problem))
	}
	return held, remarks
}

// objection says why svc does not hold f, or nothing.
func (b *Book) objection(svc types.NamespacedName, f Front) string {
	if holder := b.Holder(f.Server); holder != svc {
		return fmt.Sprintf("is held by Service %s", holder)
	}
	if svc, known := b.known.first(f.Server.Addr.Addr()); f.Title == Shadow && known {
		return fmt.Sprintf("is an address of Service %s or of one of its endpoints", svc)
	}
	owner := b.Holder(whole(f.Server))
	if f.Title == Claimed && owner != svc && owner != (types.NamespacedName{}) {
		return fmt.Sprintf("lies on the cluster address of Service %s", owner)
	}
	return ""
}

func byName(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
