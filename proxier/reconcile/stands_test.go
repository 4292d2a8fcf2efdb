package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// trees is an outside of branches and of leaves, which cannot be without their
// branch: leaf 12 stands on branch 1.
type trees struct{ branches, leaves world }

func (w *trees) Apply(ctx context.Context, ops []reconcile.Op[int, string]) []error {
	errs := w.branches.Apply(ctx, ops)
	for i, op := range ops {
		if op.Verb == reconcile.Delete && errs[i] == nil {
			maps.DeleteFunc(w.leaves.rows, func(leaf int, _ string) bool { return leaf/10 == op.Key })
		}
	}
	return errs
}

func (w *trees) List(ctx context.Context) (map[int]string, error) { return w.branches.List(ctx) }

// leaves are refused without their branch.
type leaves struct{ *trees }

func (w leaves) List(ctx context.Context) (map[int]string, error) { return w.leaves.List(ctx) }

func (w leaves) Apply(ctx context.Context, ops []reconcile.Op[int, string]) (errs []error) {
	for _, op := range ops {
		if _, stands := w.branches.rows[op.Key/10]; !stands && op.Verb != reconcile.Delete {
			errs = append(errs, errors.New("no branch"))
			continue
		}
		errs = append(errs, w.leaves.Apply(ctx, []reconcile.Op[int, string]{op})...)
	}
	return errs
}

func plant(random *rand.Rand) (*trees, *reconcile.Table[string, int, string], *reconcile.Table[string, int, string]) {
	w := &trees{
		world{rows: map[int]string{1: "x", 2: "x"}, random: random},
		world{rows: map[int]string{11: "x", 12: "x", 21: "x"}, random: random},
	}
	branch := reconcile.New[string](w, reconcile.Rules[int, string]{Name: "branch", Order: ascending})
	leaf := reconcile.New[string](leaves{w}, reconcile.Rules[int, string]{
		Name: "leaf", Order: ascending, Stands: func(k int) bool { return branch.Holds(k / 10) },
	})
	return w, branch, leaf
}

func observe(t *testing.T, tables ...*reconcile.Table[string, int, string]) {
	t.Helper()
	for _, table := range tables {
		if _, err := table.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABranchTakesItsLeavesAlong(t *testing.T) {
	w, branch, leaf := plant(rand.New(rand.NewPCG(1, 1)))
	observe(t, branch, leaf)
	branch.Claim("A", map[int]string{2: "x"})
	branch.Shrink(t.Context(), 0)
	leaf.Shrink(t.Context(), 0)
	wantCalls(t, &w.branches, "delete 1 ")
	wantCalls(t, &w.leaves, "delete 21 ")
	if _, held, due := leaf.Size(); held != 0 || due != 0 {
		t.Errorf("%d leaves are held and %d due, want none", held, due)
	}
}

// While the branch cannot be deleted its leaves go one by one.
func TestABranchThatStaysLosesItsLeaves(t *testing.T) {
	w, branch, leaf := plant(rand.New(rand.NewPCG(1, 1)))
	observe(t, branch, leaf)
	w.branches.failing = 1
	branch.Shrink(t.Context(), 0)
	leaf.Shrink(t.Context(), 0)
	wantCalls(t, &w.leaves, "delete 11 ", "delete 12 ", "delete 21 ")
}

// TestTreesWalk lets branches and leaves come and go, with failures, and looks
// whether the world is what is wanted and no leaf was deleted in vain.
func TestTreesWalk(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			w, branch, leaf := plant(random)
			want := map[string]map[int]string{}
			for range 200 {
				name, branches, its := randomTree(random)
				branch.Claim(name, branches)
				leaf.Claim(name, its)
				want[name] = its
				fails := random.IntN(3) == 0
				if w.branches.failing, w.leaves.failing = 0, 0; fails {
					w.branches.failing, w.leaves.failing = random.Float64(), random.Float64()
				} else {
					observe(t, branch, leaf)
				}
				w.leaves.wasted = nil
				branch.Grow(t.Context(), 0)
				leaf.Grow(t.Context(), 0)
				branch.Shrink(t.Context(), 0)
				leaf.Shrink(t.Context(), 0)
				if !fails {
					checkTrees(t, w, want)
				}
			}
		})
	}
}

// randomTree is what an owner wants: branches of its own with leaves on them.
func randomTree(random *rand.Rand) (name string, branches, leaves map[int]string) {
	i := random.IntN(3)
	branches, leaves = map[int]string{}, map[int]string{}
	for b := 3 * i; b < 3*i+3; b++ {
		if random.IntN(2) == 0 {
			continue
		}
		branches[b] = "x"
		for range random.IntN(4) {
			leaves[10*b+random.IntN(10)] = string(rune('a' + random.IntN(2)))
		}
	}
	return string(rune('A' + i)), branches, leaves
}

func checkTrees(t *testing.T, w *trees, want map[string]map[int]string) {
	t.Helper()
	all := map[int]string{}
	for _, rows := range want {
		maps.Copy(all, rows)
	}
	if !maps.Equal(w.leaves.rows, all) {
		t.Fatalf("the world holds %v, wanted %v", w.leaves.rows, all)
	}
	if slices.ContainsFunc(w.leaves.wasted, func(call string) bool { return call[0] == 'd' }) {
		t.Fatalf("leaves that had gone with their branch were deleted: %q", w.leaves.wasted)
	}
}
