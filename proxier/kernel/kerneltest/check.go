package kerneltest

import (
	"fmt"
	"maps"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

func prepare(t *testing.T, m Machine) {
	t.Helper()
	if _, err := m.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// apply carries out the same verb on all rows and wants no error.
func apply[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], verb reconcile.Verb, rows map[K]V) {
	t.Helper()
	var ops []reconcile.Op[K, V]
	for k, v := range rows {
		ops = append(ops, reconcile.Op[K, V]{Verb: verb, Key: k, Value: v})
	}
	errs := kind.Apply(t.Context(), ops)
	if len(errs) != len(ops) {
		t.Fatalf("%d answers to %d ops", len(errs), len(ops))
	}
	for i, err := range errs {
		if err != nil {
			t.Errorf("%s %v: %v", verb, ops[i].Key, err)
		}
	}
}

// denied wants an error, and the listing to be as it was.
func denied[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], k K, v V) error {
	t.Helper()
	before := list(t, kind)
	err := kind.Apply(t.Context(), []reconcile.Op[K, V]{{Verb: reconcile.Create, Key: k, Value: v}})[0]
	if err == nil {
		t.Errorf("create %v: no error", k)
	}
	holds(t, kind, before)
	return err
}

func list[K, V comparable](t *testing.T, kind reconcile.Kind[K, V]) map[K]V {
	t.Helper()
	rows, err := kind.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func holds[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], want map[K]V) {
	t.Helper()
	if got := list(t, kind); !maps.Equal(got, want) {
		t.Errorf("%T holds %s", kind, difference(got, want))
	}
}

// finds wants exactly these rows in answer to these keys.
func finds[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], keys []K, want map[K]V) {
	t.Helper()
	looker, can := kind.(reconcile.Looker[K, V])
	if !can {
		t.Fatalf("%T cannot be asked for single rows", kind)
	}
	got, err := looker.Look(t.Context(), keys)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%T finds %s (%v)", kind, difference(got, want), err)
	}
}

func difference[K, V comparable](got, want map[K]V) (text string) {
	for k, v := range got {
		if w, ok := want[k]; !ok || w != v {
			text += fmt.Sprintf("\n  + %v %v", k, v)
		}
	}
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			text += fmt.Sprintf("\n  - %v %v", k, v)
		}
	}
	return text
}

// lives creates rows one by one, twice each, and deletes them, twice each: the
// second time changes nothing and is no error.
func lives[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], v V, keys []K) {
	t.Helper()
	want := map[K]V{}
	for _, k := range keys {
		for range 2 {
			apply(t, kind, reconcile.Create, map[K]V{k: v})
		}
		want[k] = v
	}
	holds(t, kind, want)
	for _, k := range keys {
		for range 2 {
			apply(t, kind, reconcile.Delete, map[K]V{k: v})
		}
		delete(want, k)
		holds(t, kind, want)
	}
}
