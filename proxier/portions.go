package proxier

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// portionServices are served together when very many have moved, as at the
// start.
const portionServices = 250

// first are the Services that everything else waits for: the API server itself
// and the cluster's DNS, by the names that installers give it.
var first = []owner{
	apiServer,
	{Namespace: "kube-system", Name: "kube-dns"},
	{Namespace: "kube-system", Name: "coredns"},
}

// growInPortions lets Services answer one portion after the other when very
// many have moved. All that they claim is known by then, so that a portion is
// no different from a pass: only who has to wait is.
func (p *Proxier) growInPortions(ctx context.Context, moved map[owner][]time.Time, r report) {
	if len(moved) <= portionServices {
		return
	}
	p.grow(ctx, append([]owner{ranges, nodePods}, first...), r)
	for some := range slices.Chunk(slices.SortedFunc(maps.Keys(moved), byName), portionServices) {
		p.grow(ctx, some, r)
	}
}

func (p *Proxier) grow(ctx context.Context, services []owner, r report) {
	for stage := range stages {
		for _, t := range p.tables.inOrder() {
			r.add(t.Name(), t.GrowFor(ctx, stage, services))
		}
	}
}

func byName(a, b owner) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
