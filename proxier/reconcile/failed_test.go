package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// picky is a world that takes no row of these, and beside that does as it likes.
type picky struct {
	world
	refuses []int
}

func (p *picky) Apply(ctx context.Context, ops []reconcile.Op[int, string]) (errs []error) {
	for _, op := range ops {
		if slices.Contains(p.refuses, op.Key) {
			errs = append(errs, fmt.Errorf("%w: odd", reconcile.ErrRefused))
			continue
		}
		errs = append(errs, p.world.Apply(ctx, []reconcile.Op[int, string]{op})...)
	}
	return errs
}

// What is refused is the trouble of those who want it, as long as other rows are
// had; what fails without a word about the row is everybody's.
func TestRefusedRowsAreTheirOwnersTrouble(t *testing.T) {
	ctx := context.Background()
	out := &picky{world{rows: map[int]string{}, random: rand.New(rand.NewPCG(1, 1))}, []int{1, 2}}
	table := reconcile.New[string](out, reconcile.Rules[int, string]{Name: "row", Order: ascending})
	state := func(when string, refused int, broken bool, failed string) {
		t.Helper()
		got := ""
		table.EachFailed(func(row any, owners []string, err error) { got += fmt.Sprint(row, " ", owners, " ", err, "; ") })
		if table.Refused() != refused || table.Broken() != broken || got != failed {
			t.Errorf("%s: %d refused, broken %t, failed %q; want %d, %t, %q", when, table.Refused(), table.Broken(), got, refused, broken, failed)
		}
	}
	state("at first", 0, false, "")

	table.Claim("A", map[int]string{1: "x"})
	table.Claim("B", map[int]string{2: "x"})
	table.Claim("C", map[int]string{1: "x"})
	table.Grow(ctx, 0)
	const both = "1 [A C] create row 1: refused: odd; 2 [B] create row 2: refused: odd; "
	state("when all that is wanted is refused", 2, true, both)

	table.Claim("D", map[int]string{3: "x"})
	out.failing = 1
	table.Grow(ctx, 0)
	state("when a call fails", 2, true, both+"3 [D] create row 3: the world said no; ")
	if table.Settled("D") {
		t.Error("D is settled, and may have its row the next time")
	}

	out.failing = 0
	table.Grow(ctx, 0)
	state("when others are had", 2, false, both)
	for _, name := range []string{"A", "B", "C", "D"} {
		if !table.Settled(name) {
			t.Errorf("%s waits for what is refused", name)
		}
	}

	out.refuses = nil
	table.Claim("B", nil)
	table.Grow(ctx, 0)
	state("when it is taken", 0, false, "")
}
