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

var errWorld = errors.New("the world said no")

// world is an outside that holds rows, refuses what makes no sense, and fails
// at a rate.
type world struct {
	rows    map[int]string
	random  *rand.Rand
	failing float64
	forgets float64 // the rate at which a listing misses rows
	calls   []string
	wasted  []string
}

func (w *world) fails() bool { return w.random.Float64() < w.failing }

func (w *world) List(context.Context) (map[int]string, error) {
	if w.fails() {
		return map[int]string{1: "a short answer"}, errWorld
	}
	listed := maps.Clone(w.rows)
	maps.DeleteFunc(listed, func(int, string) bool { return w.random.Float64() < w.forgets })
	return listed, nil
}

// Look answers with the rows beside those that it is asked for, too.
func (w *world) Look(_ context.Context, keys []int) (map[int]string, error) {
	if w.fails() {
		return map[int]string{1: "a short answer"}, errWorld
	}
	found := map[int]string{}
	for _, k := range keys {
		for _, near := range []int{k, k + 1} {
			if v, there := w.rows[near]; there {
				found[near] = v
			}
		}
	}
	return found, nil
}

func (w *world) Apply(_ context.Context, ops []reconcile.Op[int, string]) []error {
	errs := make([]error, len(ops))
	for i, op := range ops {
		call := fmt.Sprintf("%s %d %s", op.Verb, op.Key, op.Value)
		w.calls = append(w.calls, call)
		if w.fails() {
			errs[i] = errWorld
			continue
		}
		now, there := w.rows[op.Key]
		if op.Verb == reconcile.Delete {
			if !there {
				w.wasted = append(w.wasted, call)
			}
			delete(w.rows, op.Key)
			continue
		}
		if there && now == op.Value {
			w.wasted = append(w.wasted, call)
		}
		w.rows[op.Key] = op.Value
	}
	return errs
}

// claims is a naive model: who wants what, in the order of asking.
type claims struct {
	order map[int][]string
	value map[string]map[int]string
}

func (c *claims) claim(owner string, rows map[int]string) {
	for k := range c.value[owner] {
		if _, still := rows[k]; !still {
			kept := c.order[k][:0:0]
			for _, o := range c.order[k] {
				if o != owner {
					kept = append(kept, o)
				}
			}
			c.order[k] = kept
		}
	}
	for k := range rows {
		if _, had := c.value[owner][k]; !had {
			c.order[k] = append(c.order[k], owner)
		}
	}
	c.value[owner] = maps.Clone(rows)
}

func (c *claims) wanted() map[int]string {
	all := map[int]string{}
	for k, owners := range c.order {
		if len(owners) > 0 {
			all[k] = c.value[owners[0]][k]
		}
	}
	return all
}

func ascending(a, b int) int { return a - b }

// TestRandomWalk takes thousands of random steps (owners change their minds,
// calls and listings fail or miss rows, rows change behind the table's back)
// and looks, each time that quiet returns, whether the world is what is wanted.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { walk(t, seed) })
	}
}

func walk(t *testing.T, seed uint64) {
	ctx := context.Background()
	random := rand.New(rand.NewPCG(seed, 1))
	out := &world{rows: map[int]string{3: "a", 99: "stale"}, random: random}
	model := &claims{order: map[int][]string{}, value: map[string]map[int]string{}}
	table := reconcile.New[string](out, reconcile.Rules[int, string]{Name: "row", Order: ascending})
	if _, err := table.Observe(ctx); err != nil {
		t.Fatal(err)
	}

	for range 400 {
		switch random.IntN(9) {
		case 0, 1:
			owner, rows := randomClaim(random)
			table.Claim(owner, rows)
			model.claim(owner, rows)
		case 2:
			out.failing = random.Float64()
			table.GrowFor(ctx, 0, []string{"A", "C"})
			table.Grow(ctx, 0)
			table.Shrink(ctx, 0)
		case 3:
			drift(random, out.rows)
		case 4:
			listSome(ctx, t, table, out)
		case 5, 6:
			lookAtSome(ctx, t, table, out)
		case 7:
			owner, rows := randomClaim(random)
			leaving, _ := randomClaim(random)
			gone := slices.Collect(maps.Keys(model.value[leaving]))
			for _, k := range gone {
				delete(rows, k)
			}
			table.Adjust(owner, gone, rows)
			model.claim(owner, adjusted(model.value[owner], gone, rows))
		case 8:
			quiet(ctx, t, table, out, model)
		}
	}
	quiet(ctx, t, table, out, model)
}

// adjusted are rows without those that are gone, with those that come.
func adjusted(rows map[int]string, gone []int, come map[int]string) map[int]string {
	now := map[int]string{}
	maps.Copy(now, rows)
	for _, k := range gone {
		delete(now, k)
	}
	maps.Copy(now, come)
	return now
}

func randomClaim(random *rand.Rand) (owner string, rows map[int]string) {
	rows = map[int]string{}
	for range random.IntN(8) {
		rows[random.IntN(12)] = string(rune('a' + random.IntN(3)))
	}
	return string(rune('A' + random.IntN(4))), rows
}

func drift(random *rand.Rand, rows map[int]string) {
	k := random.IntN(12)
	if _, there := rows[k]; there && random.IntN(2) == 0 {
		delete(rows, k)
		return
	}
	rows[k] = "drifted"
}

// listSome lists everything, or what a race with others has left of it. A failed
// listing changes nothing, and a row that it misses is not believed to have
// gone.
func listSome(ctx context.Context, t *testing.T, table *reconcile.Table[string, int, string], out *world) {
	t.Helper()
	out.forgets = out.random.Float64()
	before := held(table)
	_, err := table.Observe(ctx)
	for k, had := range before {
		_, there := out.rows[k]
		if now := table.Holds(k); err != nil && now != had || err == nil && had && now != there {
			t.Fatalf("after a listing (%v) row %d is held: %t; before %t, in truth %t", err, k, now, had, there)
		}
	}
}

func held(table *reconcile.Table[string, int, string]) map[int]bool {
	rows := map[int]bool{}
	for k := range 100 {
		rows[k] = table.Holds(k)
	}
	return rows
}

// lookAtSome asks for a few rows. What was asked for is known afterwards, and
// of the rest nothing is believed to have gone.
func lookAtSome(ctx context.Context, t *testing.T, table *reconcile.Table[string, int, string], out *world) {
	t.Helper()
	var asked []int
	for k := range 12 {
		if out.random.IntN(3) == 0 {
			asked = append(asked, k)
		}
	}
	before := held(table)
	_, err := table.Look(ctx, asked)
	for k := range 100 {
		now, want := table.Holds(k), before[k]
		_, there := out.rows[k]
		switch {
		case err == nil && slices.Contains(asked, k):
			want = there
		case err == nil && there && slices.Contains(asked, k-1):
			want = true
		}
		if now != want {
			t.Fatalf("asked for %v (%v): row %d is held: %t, want %t", asked, err, k, now, want)
		}
	}
}

func quiet(ctx context.Context, t *testing.T, table *reconcile.Table[string, int, string], out *world, model *claims) {
	t.Helper()
	out.failing, out.forgets = 0, 0
	if _, err := table.Observe(ctx); err != nil {
		t.Fatal(err)
	}
	out.wasted, out.calls = nil, nil
	table.Grow(ctx, 0)
	table.Shrink(ctx, 0)
	if want := model.wanted(); !maps.Equal(out.rows, want) {
		t.Fatalf("the world holds %v, wanted %v", out.rows, want)
	}
	if len(out.wasted) > 0 {
		t.Fatalf("calls that changed nothing: %q", out.wasted)
	}
	if _, _, due := table.Size(); due != 0 {
		t.Fatalf("%d rows are due although all is held", due)
	}
	calls := len(out.calls)
	table.Grow(ctx, 0)
	table.Shrink(ctx, 0)
	if len(out.calls) != calls {
		t.Fatalf("a second pass made calls: %q", out.calls[calls:])
	}
}
