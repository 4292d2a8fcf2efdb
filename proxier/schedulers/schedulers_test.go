package schedulers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// kernel answers one thing for all names.
type kernel struct {
	answer error
	tries  int
}

func (k *kernel) TryScheduler(context.Context, string) error {
	k.tries++
	return k.answer
}

const period = 30 * time.Second

func ask(t *testing.T, test func(t *testing.T, k *kernel, known *Known, failures *int)) {
	synctest.Test(t, func(t *testing.T) {
		k, failures := &kernel{answer: state.ErrNoScheduler}, new(int)
		test(t, k, New(k, period, func(string, error) { *failures++ }), failures)
	})
}

// What is lacking is asked for after one period, then two, four and so on, never more
// than ten minutes.
func TestPauses(t *testing.T) {
	ask(t, func(t *testing.T, k *kernel, known *Known, _ *int) {
		named := map[string]bool{"lc": true}
		known.Named(t.Context(), "lc")
		known.Named(t.Context(), "lc")
		if k.tries != 1 || !known.Lacking()["lc"] {
			t.Errorf("asked %d times at first, lacking are %v", k.tries, known.Lacking())
		}
		for _, pause := range []time.Duration{period, 2 * period, 4 * period, 8 * period, 16 * period, longestPause, longestPause} {
			k.tries = 0
			time.Sleep(pause - 1)
			known.AskAgain(t.Context(), named)
			early := k.tries
			time.Sleep(time.Nanosecond)
			if changed := known.AskAgain(t.Context(), named); early != 0 || k.tries != 1 || changed {
				t.Errorf("after %s: asked %d times before and %d times then, changed %t", pause, early, k.tries, changed)
			}
		}
	})
}

// What comes is there, those who were given what was lacking still have that, and what
// is there is not asked for again.
func TestWhatComes(t *testing.T) {
	ask(t, func(t *testing.T, k *kernel, known *Known, _ *int) {
		known.Named(t.Context(), "lc")
		before := known.Lacking()
		k.answer = nil
		time.Sleep(period)
		if !known.AskAgain(t.Context(), map[string]bool{"lc": true}) || len(known.Lacking()) > 0 || !before["lc"] {
			t.Errorf("it has come: lacking are %v, and were %v", known.Lacking(), before)
		}
		k.tries = 0
		time.Sleep(time.Hour)
		if known.AskAgain(t.Context(), map[string]bool{"lc": true}); k.tries > 0 {
			t.Errorf("it is there, and asked for %d times", k.tries)
		}
	})
}

// An answer that says nothing is told, and takes nothing away.
func TestNoAnswer(t *testing.T) {
	ask(t, func(t *testing.T, k *kernel, known *Known, failures *int) {
		k.answer = errors.New("no memory")
		known.Named(t.Context(), "lc")
		if *failures != 1 || len(known.Lacking()) > 0 {
			t.Errorf("%d failures, lacking are %v", *failures, known.Lacking())
		}
	})
}

// Names that no Service has any more are forgotten, not before their time.
func TestForgetting(t *testing.T) {
	ask(t, func(t *testing.T, k *kernel, known *Known, _ *int) {
		for i := range 100 {
			known.Named(t.Context(), fmt.Sprint(i))
		}
		known.AskAgain(t.Context(), nil)
		if len(known.tried) != 100 {
			t.Errorf("%d are known, want 100: naming them anew would have the kernel asked more often", len(known.tried))
		}
		time.Sleep(period)
		if changed := known.AskAgain(t.Context(), nil); changed || len(known.tried) > 0 || len(known.Lacking()) > 0 || k.tries != 100 {
			t.Errorf("%d are known, lacking are %v, asked %d times", len(known.tried), known.Lacking(), k.tries)
		}
	})
}
