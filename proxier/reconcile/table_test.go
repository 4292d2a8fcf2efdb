package reconcile_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

func newTable(t *testing.T, rows map[int]string) (*world, *reconcile.Table[string, int, string]) {
	t.Helper()
	out := &world{rows: rows, random: rand.New(rand.NewPCG(1, 1))}
	table := reconcile.New[string](out, reconcile.Rules[int, string]{Name: "row", Order: ascending})
	if _, err := table.Observe(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out, table
}

func wantCalls(t *testing.T, out *world, want ...string) {
	t.Helper()
	if !slices.Equal(out.calls, want) {
		t.Errorf("calls %q, want %q", out.calls, want)
	}
	out.calls = nil
}

func TestOnlyDifferencesAreCalled(t *testing.T) {
	ctx := context.Background()
	out, table := newTable(t, map[int]string{1: "same", 2: "old", 3: "nobody's"})
	table.Claim("A", map[int]string{1: "same", 2: "new", 5: "new", 4: "new"})

	grown := table.Grow(ctx, 0)
	wantCalls(t, out, "update 2 new", "create 4 new", "create 5 new")
	shrunk := table.Shrink(ctx, 0)
	wantCalls(t, out, "delete 3 ")
	if got, want := grown.Add(shrunk), (reconcile.Tally{Created: 2, Updated: 1, Deleted: 1}); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

func TestSomeValuesComeLast(t *testing.T) {
	ctx := context.Background()
	out := &world{rows: map[int]string{1: "up", 3: "down"}, random: rand.New(rand.NewPCG(1, 1))}
	table := reconcile.New[string](out, reconcile.Rules[int, string]{
		Name: "row", Order: ascending, Last: func(v string) bool { return v == "down" },
	})
	if _, err := table.Observe(ctx); err != nil {
		t.Fatal(err)
	}
	table.Claim("A", map[int]string{1: "down", 2: "down", 3: "up", 4: "up"})
	table.Grow(ctx, 0)
	wantCalls(t, out, "update 3 up", "create 4 up", "update 1 down", "create 2 down")
}

func TestWhoWantsWhat(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[int]string{1: "x", 2: "x", 3: "x"})
	table.Claim("A", map[int]string{1: "x", 2: "y", 4: "x"})
	table.Claim("B", map[int]string{1: "x"})
	if got := table.Orphans(); !slices.Equal(got, []int{3}) {
		t.Errorf("orphans %v, want 3", got)
	}
	for k, want := range map[int][4]bool{ // held, wanted, beside A, beside B
		1: {true, true, true, true}, 2: {true, true, false, true}, 3: {true, false, false, false}, 4: {false, true, false, true},
	} {
		if got := [4]bool{table.Holds(k), table.Wants(k), table.WantedBeside("A", k), table.WantedBeside("B", k)}; got != want {
			t.Errorf("row %d: held, wanted, beside A, beside B: %v, want %v", k, got, want)
		}
	}
	if got := slices.Sorted(slices.Values(table.Claimed("A"))); !slices.Equal(got, []int{1, 2, 4}) {
		t.Errorf("A claims %v", got)
	}
	table.Shrink(ctx, 0)
	if got := table.Orphans(); len(got) > 0 {
		t.Errorf("orphans after Shrink: %v", got)
	}
}

func TestSomeOwnersGoFirst(t *testing.T) {
	ctx := context.Background()
	out, table := newTable(t, map[int]string{2: "old"})
	table.Claim("A", map[int]string{1: "x"})
	table.Claim("B", map[int]string{2: "x", 4: "x"})
	table.Claim("C", map[int]string{3: "x", 4: "x"})
	table.GrowFor(ctx, 0, []string{"B", "C", "nobody"})
	wantCalls(t, out, "update 2 x", "create 3 x", "create 4 x")
	table.GrowFor(ctx, 0, []string{"B", "C"})
	wantCalls(t, out)
	table.Grow(ctx, 0)
	wantCalls(t, out, "create 1 x")
}

func TestARowStaysUntilTheLastOwnerLeaves(t *testing.T) {
	ctx := context.Background()
	out, table := newTable(t, map[int]string{})
	table.Claim("A", map[int]string{1: "x"})
	table.Claim("B", map[int]string{1: "x"})
	table.Grow(ctx, 0)
	wantCalls(t, out, "create 1 x")

	table.Claim("A", nil)
	table.Shrink(ctx, 0)
	wantCalls(t, out)

	table.Claim("B", nil)
	table.Shrink(ctx, 0)
	wantCalls(t, out, "delete 1 ")
}

func TestAFailedRowStaysDueAndNamesItself(t *testing.T) {
	ctx := context.Background()
	out, table := newTable(t, map[int]string{})
	table.Claim("A", map[int]string{1: "x"})
	table.Claim("B", map[int]string{2: "x"})

	out.failing = 1
	tally := table.Grow(ctx, 0)
	if tally.Failed != 2 || !errors.Is(tally.First, errWorld) {
		t.Fatalf("tally %+v, want two failures of the world", tally)
	}
	if got, want := tally.First.Error(), "create row 1: the world said no"; got != want {
		t.Errorf("first error %q, want %q", got, want)
	}
	if table.Settled("A") {
		t.Error("A is settled although its row failed")
	}

	out.failing = 0
	if tally := table.Grow(ctx, 0); tally.Created != 2 {
		t.Errorf("retry: %+v, want two created", tally)
	}
	if !table.Settled("A") || !table.Settled("nobody") {
		t.Error("not settled after the retry")
	}
}

func TestObserveCountsDrift(t *testing.T) {
	ctx := context.Background()
	out, table := newTable(t, map[int]string{1: "x", 2: "x", 3: "x"})
	delete(out.rows, 1)
	out.rows[2] = "changed"
	out.rows[4] = "new"
	drift, err := table.Observe(ctx)
	if err != nil || drift != 3 {
		t.Errorf("drift %d, %v; want 3", drift, err)
	}

	out.failing = 1
	if _, err := table.Observe(ctx); err == nil || err.Error() != "list every row: the world said no" {
		t.Errorf("a failed listing says %v", err)
	}
}
