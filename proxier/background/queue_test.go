package background

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
)

// work says in done when it is done, and in then when that was concluded.
type log struct{ done, then []string }

func (l *log) work(action string, until <-chan struct{}) Work {
	return Work{action, func(context.Context) Then {
		<-until
		l.done = append(l.done, action)
		return func(context.Context) (map[string]int, bool) {
			l.then = append(l.then, action)
			return map[string]int{action: 1}, true
		}
	}}
}

// One at a time, in order, each action once while it waits, and once more if it is
// being done.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, l, go1 := New(), &log{}, make(chan struct{})
		q.Send(t.Context(), l.work("a", go1))
		for _, action := range []string{"b", "a", "b", "a"} {
			q.Send(t.Context(), l.work(action, go1))
		}
		synctest.Wait()
		if len(l.done) > 0 {
			t.Fatalf("done before it was let: %v", l.done)
		}
		close(go1)
		for range 3 {
			drift, pass := q.Conclude(t.Context(), <-q.Done())
			if len(drift) != 1 || !pass {
				t.Errorf("concluded with drift %v, pass %t", drift, pass)
			}
		}
		synctest.Wait()
		if want := []string{"a", "b", "a"}; !slices.Equal(l.done, want) || !slices.Equal(l.then, want) {
			t.Errorf("done %v, concluded %v; want %v", l.done, l.then, want)
		}
		q.Wait() // nothing is being done
	})
}

// The end of the loop waits for work, and does not do what follows from it.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q, l := New(), &log{}
		q.Send(ctx, l.work("a", ctx.Done()))
		q.Send(ctx, l.work("b", ctx.Done()))
		cancel()
		q.Wait()
		if !slices.Equal(l.done, []string{"a"}) || len(l.then) > 0 {
			t.Errorf("done %v, concluded %v; want a alone", l.done, l.then)
		}
	})
}
