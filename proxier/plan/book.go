package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Book remembers which Services ask for which front. The oldest of them holds
// it, of equally old ones that with the smaller name; so every node comes to
// the same answer, whatever it saw first.
type Book struct {
	claims map[state.VirtualServer][]claim // the holder's first
	asked  map[types.NamespacedName][]state.VirtualServer
}

type claim struct {
	svc   types.NamespacedName
	since time.Time
}

func (c claim) compare(o claim) int {
	return cmp.Or(c.since.Compare(o.since), byName(c.svc, o.svc))
}

// NewBook returns a Book in which nobody asks for anything.
func NewBook() *Book {
	return &Book{
		claims: map[state.VirtualServer][]claim{},
		asked:  map[types.NamespacedName][]state.VirtualServer{},
	}
}

// Enter notes all that svc, which exists since then, asks for; asking for
// nothing gives all back. It answers with those fronts that svc holds, and
// remarks on the others. The Services that are upset by it have gained or lost
// a front, or lose it to another than before: they must enter again.
func (b *Book) Enter(svc types.NamespacedName, since time.Time, asked []Front) (
	held []Front, upset []types.NamespacedName, remarks []cluster.Remark,
) {
	wants := map[state.VirtualServer]bool{}
	for _, f := range asked {
		wants[f.Server] = true
	}
	touched := maps.Clone(wants)
	for _, server := range b.asked[svc] {
		touched[server] = true
	}
	others := map[types.NamespacedName]bool{}
	for server := range touched {
		before := b.holder(server)
		b.settle(server, claim{svc, since}, wants[server])
		if b.holder(server) == before {
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

// holder is nobody, the empty name, for a front that is not asked for.
func (b *Book) holder(server state.VirtualServer) types.NamespacedName {
	if claims := b.claims[server]; len(claims) > 0 {
		return claims[0].svc
	}
	return types.NamespacedName{}
}

func (b *Book) divide(svc types.NamespacedName, asked []Front) (held []Front, remarks []cluster.Remark) {
	for _, f := range asked {
		if holder := b.holder(f.Server); holder != svc {
			remarks = append(remarks, f.Port.Remark(f.Field, fmt.Sprintf("%s is held by Service %s", f.Server, holder)))
			continue
		}
		held = append(held, f)
	}
	return held, remarks
}

func byName(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
