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

// Ownership remembers which Services ask for which frontend. The one with the best
// precedence holds it, of those the oldest, of equally old ones that with the
// smaller name; so every node comes to the same answer, whatever it saw first.
//
// Port 0 of an address stands for all of it: a cluster address belongs to its
// Service, also on ports that this Service does not have.
//
// It also knows the addresses of endpoints and Services among in-cluster aliases,
// which it keeps free of these.
type Ownership struct {
	claims map[state.VirtualServer][]claim // the holder's first
	asked  map[types.NamespacedName][]state.VirtualServer

	aliases state.Aliases
	known   index // addresses of Services and endpoints, where aliases lie
	aliased index // addresses at which Services ask for aliases
}

type claim struct {
	precedence Precedence
	since      time.Time
	svc        types.NamespacedName
}

func (c claim) compare(o claim) int {
	return cmp.Or(cmp.Compare(c.precedence, o.precedence), c.since.Compare(o.since), byName(c.svc, o.svc))
}

// NewOwnership returns an Ownership in which no Service asks for anything.
func NewOwnership(aliases state.Aliases) *Ownership {
	return &Ownership{
		claims:  map[state.VirtualServer][]claim{},
		asked:   map[types.NamespacedName][]state.VirtualServer{},
		aliases: aliases,
		known:   newIndex(),
		aliased: newIndex(),
	}
}

// Register notes all that svc, which exists since then, asks for; asking for
// nothing gives all back. It answers with those frontends that svc holds, and
// remarks on the others. The Services that are upset by it have gained or lost
// a frontend, or lose it to another than before: they must register again.
func (o *Ownership) register(svc types.NamespacedName, since time.Time, asked []frontend) (
	held []frontend, upset []types.NamespacedName, remarks []cluster.Remark,
) {
	wants := precedences(asked)
	touched := maps.Clone(wants)
	for _, server := range o.asked[svc] {
		touched[server] = wants[server]
	}
	others := map[types.NamespacedName]bool{}
	for server := range touched {
		before := o.Holder(server)
		precedence, stands := wants[server]
		o.settle(server, claim{precedence, since, svc}, stands)
		if o.Holder(server) == before {
			continue
		}
		for _, c := range o.claims[server] {
			others[c.svc] = true
		}
	}
	delete(others, svc)
	delete(o.asked, svc)
	if len(wants) > 0 {
		o.asked[svc] = slices.Collect(maps.Keys(wants))
	}
	o.aliased.put(svc, aliasesAmong(asked))
	held, remarks = o.divide(svc, asked)
	return held, slices.SortedFunc(maps.Keys(others), byName), remarks
}

// settle makes c's claim on server stand or go.
func (o *Ownership) settle(server state.VirtualServer, c claim, stands bool) {
	claims := slices.DeleteFunc(o.claims[server], func(o claim) bool { return o.svc == c.svc })
	if stands {
		at, _ := slices.BinarySearchFunc(claims, c, claim.compare)
		claims = slices.Insert(claims, at, c)
	}
	if len(claims) == 0 {
		delete(o.claims, server)
		return
	}
	o.claims[server] = claims
}

// precedences are what a Service wants, and by what right.
func precedences(asked []frontend) map[state.VirtualServer]Precedence {
	wants := map[state.VirtualServer]Precedence{}
	for _, f := range asked {
		wants[f.Server] = f.Precedence
		if whole := whole(f.Server); f.Precedence == Claimed || f.Origin == ClusterIP {
			if precedence, already := wants[whole]; !already || f.Precedence < precedence {
				wants[whole] = f.Precedence
			}
		}
	}
	return wants
}

// aliasesAmong are the addresses of the in-cluster aliases that are asked for.
func aliasesAmong(asked []frontend) (addrs []netip.Addr) {
	for _, f := range asked {
		if f.Precedence == Alias {
			addrs = append(addrs, f.Server.Addr.Addr())
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

func whole(server state.VirtualServer) state.VirtualServer {
	return state.VirtualServer{Addr: netip.AddrPortFrom(server.Addr.Addr(), 0)}
}

// Holder is no Service, the empty name, for a frontend that is not asked for. A whole
// address is held only by the Service that it was allocated to.
func (o *Ownership) Holder(server state.VirtualServer) types.NamespacedName {
	claims := o.claims[server]
	if len(claims) == 0 || server.Addr.Port() == 0 && claims[0].precedence != Allocated {
		return types.NamespacedName{}
	}
	return claims[0].svc
}

// Naming are the Services that have, or would have, a frontend at this address, be it
// an in-cluster alias.
func (o *Ownership) Naming(addr netip.Addr) (all []types.NamespacedName) {
	all = slices.Collect(maps.Keys(o.aliased.services[addr]))
	for _, c := range o.claims[state.VirtualServer{Addr: netip.AddrPortFrom(addr, 0)}] {
		all = append(all, c.svc)
	}
	return all
}

// divide separates what svc holds from what it does not. An alias falls with
// what it is the alias of, which others serve in their own way; that again
// stands without its alias, with the endpoints for clients from outside.
func (o *Ownership) divide(svc types.NamespacedName, asked []frontend) (held []frontend, remarks []cluster.Remark) {
	lost := map[state.VirtualServer]bool{}
	for _, f := range asked {
		problem := o.objection(svc, f)
		switch {
		case problem == "" && !lost[f.Of]:
			held = append(held, f)
			continue
		case f.Precedence == Alias && !lost[f.Of]:
			problem = withoutAlias(f.Of, fmt.Sprintf("its in-cluster alias %s %s", f.Server.Addr.Addr(), problem))
		case f.Precedence == Alias:
			continue
		default:
			problem = fmt.Sprintf("%s %s", f.Server, problem)
		}
		lost[f.Server] = true
		remarks = append(remarks, f.Port.Remark(f.Origin.Field(), problem))
	}
	return held, remarks
}

// objection says why svc does not hold f, or nothing.
func (o *Ownership) objection(svc types.NamespacedName, f frontend) string {
	if holder := o.Holder(f.Server); holder != svc {
		return fmt.Sprintf("is held by Service %s", holder)
	}
	if svc, known := o.known.first(f.Server.Addr.Addr()); f.Precedence == Alias && known {
		return fmt.Sprintf("is an address of Service %s or of one of its endpoints", svc)
	}
	owner := o.Holder(whole(f.Server))
	if f.Precedence == Claimed && owner != svc && owner != (types.NamespacedName{}) {
		return fmt.Sprintf("lies on the cluster address of Service %s", owner)
	}
	return ""
}

func byName(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
