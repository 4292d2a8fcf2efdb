package takeover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/background"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// world is a machine with sets of kube-proxy's, and all that was reported.
type world struct {
	*Takeover
	queue    *background.Queue
	sets     []string
	fail     error // of every step
	verified bool
	reports  []string
}

func (w *world) Scan(_ context.Context, scope leftovers.Scope) leftovers.Found {
	return leftovers.Found{Scope: scope, Sets: slices.Clone(w.sets)}
}

func (w *world) Do(_ context.Context, step leftovers.Step) error {
	if w.fail == nil {
		w.sets = slices.DeleteFunc(w.sets, func(s string) bool { return slices.Contains(step.Objects, s) })
	}
	return w.fail
}

func (w *world) report(what ...any) { w.reports = append(w.reports, fmt.Sprint(what...)) }

func (w *world) Fail(action string, err error) { w.report("fail: ", action) }
func (w *world) Removed(n int)                 { w.report("removed ", n) }
func (w *world) Blocked(n int)                 { w.report("blocked ", n) }
func (w *world) TakenOver()                    { w.report("taken over") }
func (w *world) KubeProxy(rules, healthPort bool) {
	w.report("running: rules ", rules, ", port ", healthPort)
}
func (w *world) KubeProxyAtWork(note string) { w.report(note) }

// finish does what follows from all that is done beside the loop.
func (w *world) finish(t *testing.T) {
	for {
		synctest.Wait()
		select {
		case then := <-w.queue.Done():
			w.queue.Conclude(t.Context(), then)
		default:
			return
		}
	}
}

func (w *world) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	w.finish(t)
	if diff := cmp.Diff(want, w.reports); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	w.reports = nil
}

func onMachine(t *testing.T, wanted bool, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{queue: background.New(), sets: []string{"KUBE-CLUSTER-IP"}, verified: true}
		w.Takeover = New(Config{
			Wanted: wanted, Retry: 30 * time.Second, Machine: w, Queue: w.queue, Report: w,
			Verified: func(context.Context) bool { return w.verified },
		})
		test(t, w)
	})
}

// Nothing is removed before the kernel holds ours, on its own word, and nothing is
// asked of it where there is nothing to remove.
func TestOnlyWhatIsNotNeededAnyMoreGoes(t *testing.T) {
	onMachine(t, true, func(t *testing.T, w *world) {
		w.verified = false
		w.AfterPass(t.Context())
		w.expect(t, "not all is there")
		w.verified = true
		w.AfterPass(t.Context())
		w.expect(t, "all is there", "removed 1", "blocked 0", "taken over")
		w.AfterPass(t.Context())
		w.expect(t, "once is enough")
		if s := w.Snapshot(); !s.Enabled || !s.Done || s.Removed != 1 || len(w.sets) > 0 {
			t.Errorf("%+v, and left are %v", s, w.sets)
		}
	})
	onMachine(t, true, func(t *testing.T, w *world) {
		w.sets, w.verified = nil, false
		w.AfterPass(t.Context())
		w.expect(t, "nothing to remove", "blocked 0", "taken over")
	})
}

// A removal that fails is tried again, not at once.
func TestAFailureIsTriedAgain(t *testing.T) {
	onMachine(t, true, func(t *testing.T, w *world) {
		w.fail = errors.New("busy")
		w.AfterPass(t.Context())
		w.expect(t, "the first", "blocked 0", "fail: remove what kube-proxy left behind")
		w.fail = nil
		w.AfterPass(t.Context())
		w.expect(t, "too early")
		time.Sleep(30 * time.Second)
		w.AfterPass(t.Context())
		w.expect(t, "later", "removed 1", "blocked 0", "taken over")
	})
}

// A kube-proxy that puts its things back is said to be at work, once for each
// change, and is not fought with.
func TestARunningKubeProxy(t *testing.T) {
	const atWork = "kube-proxy is at work on this node beside kube-ipvs; stop one of the two: "
	onMachine(t, true, func(t *testing.T, w *world) {
		w.AfterPass(t.Context())
		w.finish(t)
		w.reports = nil
		w.sets = []string{"KUBE-CLUSTER-IP"}
		w.Check(t.Context())
		w.expect(t, "it is back", "running: rules true, port false", atWork+"set KUBE-CLUSTER-IP")
		w.HealthPortTaken(true)
		w.Check(t.Context())
		w.expect(t, "its port too", "running: rules true, port true", atWork+"set KUBE-CLUSTER-IP; another process listens on the port of the health check")
		w.Check(t.Context())
		w.expect(t, "nothing new", "running: rules true, port true")
		time.Sleep(pause)
		w.HealthPortTaken(false)
		w.Check(t.Context())
		w.expect(t, "after a pause", "running: rules true, port false", atWork+"set KUBE-CLUSTER-IP", "removed 1", "blocked 0", "taken over")
		w.Check(t.Context())
		w.expect(t, "it has gone", "running: rules false, port false")
		if told := w.Snapshot().KubeProxy; len(told) > 0 {
			t.Errorf("kube-proxy is still seen by %v", told)
		}
	})
}

// Who does not want it keeps everything, and is told of the port all the same.
func TestUnwanted(t *testing.T) {
	onMachine(t, false, func(t *testing.T, w *world) {
		if adopted, err := w.Adopt(t.Context()); adopted || err != nil {
			t.Errorf("adopted %t, %v", adopted, err)
		}
		w.AfterPass(t.Context())
		w.HealthPortTaken(true)
		w.Check(t.Context())
		w.expect(t, "all", "running: rules false, port true",
			"kube-proxy is at work on this node beside kube-ipvs; stop one of the two: another process listens on the port of the health check")
		if len(w.sets) != 1 {
			t.Errorf("left are %v", w.sets)
		}
	})
}
