package watch

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

var (
	cart = types.NamespacedName{Namespace: "shop", Name: "cart"}
	till = types.NamespacedName{Namespace: "shop", Name: "till"}

	noon    = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	evening = noon.Add(6 * time.Hour)
)

type times = map[types.NamespacedName][]time.Time

func TestTakeHandsOverWhatWasMarkedSinceTheLastTake(t *testing.T) {
	c := NewChanges()
	c.Mark(cart, noon)
	c.Mark(till, time.Time{})
	c.Mark(cart, evening)
	c.MarkNode()
	c.MarkHosts()
	expectMoved(t, c, Moved{Services: times{cart: {noon, evening}, till: nil}, Node: true, Hosts: true})
	expectMoved(t, c, Moved{Services: times{}})

	c.Mark(till, noon)
	expectMoved(t, c, Moved{Services: times{till: {noon}}})
}

func TestAMarkWithoutTimeKeepsTheTimesOfOthers(t *testing.T) {
	c := NewChanges()
	c.Mark(cart, noon)
	c.Mark(cart, time.Time{})
	expectMoved(t, c, Moved{Services: times{cart: {noon}}})
}

func TestManyMarksAreOneWake(t *testing.T) {
	c := NewChanges()
	if woken(c) {
		t.Error("woken although nothing was marked")
	}
	for range 100 {
		c.Mark(cart, noon) // would hang here if a marker waited for its reader
		c.MarkNode()
	}
	if !woken(c) {
		t.Error("not woken by marks")
	}
	if woken(c) {
		t.Error("woken twice")
	}
	c.Take()
	c.MarkNode()
	if !woken(c) {
		t.Error("not woken by a mark after Take")
	}
}

func TestNoMarkIsLostBetweenMarkersAndTaker(t *testing.T) {
	const markers, each = 8, 200
	c := NewChanges()
	var wg sync.WaitGroup
	for m := range markers {
		wg.Go(func() {
			for i := range each {
				c.Mark(types.NamespacedName{Name: fmt.Sprintf("%d-%d", m, i)}, noon)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()

	seen := 0
	for running := true; running; {
		select {
		case <-c.Wake():
		case <-done:
			running = false
		}
		seen += len(c.Take().Services)
	}
	if seen != markers*each {
		t.Errorf("took %d of %d marks", seen, markers*each)
	}
}

func expectMoved(t *testing.T, c *Changes, want Moved) {
	t.Helper()
	if diff := cmp.Diff(want, c.Take()); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

func woken(c *Changes) bool {
	select {
	case <-c.Wake():
		return true
	default:
		return false
	}
}
