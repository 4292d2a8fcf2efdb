//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestDraining follows connections to an endpoint that leaves (B179, K14, K28,
// K29): it terminates, vanishes or is not ready, and comes back.
func TestDraining(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	var ways []question
	for _, from := range []string{"p3", "node"} {
		ways = append(ways, s.questions(from, web.clusterIPs(), lab.TCP)...)
	}
	ways = append(ways, web.onNode("outside", nodeAddrs[:2], lab.TCP)...)

	connections := holdWith(t, ways, "p1")
	t.Run("it terminates: connections live, new ones go elsewhere", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": terminating, "r1": ready})
		web.untilOnly("r1")
		answered(t, ways[:2], itself, "r1")
		live(t, connections)
	})
	t.Run("another daemon writes nothing and they live", func(t *testing.T) {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		calls, err := s.count("kubeipvs_kernel_rows_total")
		if written := calls.since(nil); err != nil || len(written) > 0 {
			t.Errorf("changed in the kernel: %v (%v)", written, err)
		}
		live(t, connections)
	})
	t.Run("it has terminated: they are reset within a second", func(t *testing.T) {
		web.setEndpoints(endpoints{"r1": ready})
		begin := time.Now()
		end(t, connections, time.Second)
		t.Logf("after %s", time.Since(begin).Round(time.Millisecond))
	})

	web.setEndpoints(endpoints{"p1": ready, "r1": ready})
	connections = holdWith(t, ways, "p1")
	t.Run("it vanishes: connections live, new ones go elsewhere", func(t *testing.T) {
		web.setEndpoints(endpoints{"r1": ready})
		web.untilOnly("r1")
		live(t, connections)
	})
	t.Run("it comes back not ready: they live", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": unready, "r1": ready})
		web.setEndpoints(endpoints{"r1": ready})
		answered(t, ways[:2], itself, "r1")
		live(t, connections)
	})
	t.Run("it comes back ready: they live, new ones come", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": ready, "r1": ready})
		for _, h := range holdWith(t, ways, "p1") {
			h.Close()
		}
		live(t, connections)
	})
	t.Run("it vanishes again: its server stays at weight 0", func(t *testing.T) {
		web.setEndpoints(endpoints{"r1": ready})
		web.untilOnly("r1")
		live(t, connections)
		s.awaitServer(t, web, "p1", "0")
	})
	t.Run("its Service gives it a second: they are reset", func(t *testing.T) {
		patch := []byte(`{"metadata":{"annotations":{"kube-ipvs.io/drain-timeout":"1s"}}}`)
		_, err := api.CoreV1().Services(s.name).Patch(within(t, soon), web.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		end(t, connections, soon)
		s.awaitServer(t, web, "p1", "")
	})
}

// holdWith opens a connection for each question that this Pod answers.
func holdWith(t *testing.T, questions []question, pod string) (all []held) {
	t.Helper()
	for _, q := range questions {
		err := lab.Until(within(t, patience), func() error {
			h, err := lab.Hold(q.from.Namespace, q.protocol, q.to, soon)
			if err != nil {
				return err
			}
			first, err := h.Ping()
			if err == nil && first.Pod != pod {
				err = fmt.Errorf("%s: %s answers, want %s", q, first, pod)
			}
			if err != nil {
				return errors.Join(err, h.Close())
			}
			t.Cleanup(func() { h.Close() })
			all = append(all, held{q, h, first})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// live wants the same answer as before on each connection.
func live(t *testing.T, connections []held) {
	t.Helper()
	for _, c := range connections {
		if a, err := c.Ping(); err != nil || a != c.first {
			t.Errorf("%s: first %s, now %v, %v", c.question, c.first, a, err)
		}
	}
}

// end wants all connections to be reset soon.
func end(t *testing.T, connections []held, soon time.Duration) {
	t.Helper()
	ctx := within(t, soon)
	for _, c := range connections {
		var last error
		err := lab.Until(ctx, func() error {
			a, err := c.Ping()
			if last = err; err == nil {
				return fmt.Errorf("%s answers", a)
			}
			return nil
		})
		if err != nil || !errors.Is(last, lab.ErrBroken) {
			t.Errorf("%s: %v, %v; want %v", c.question, err, last, lab.ErrBroken)
		}
	}
}

// awaitServer waits until this Pod is a real server of the Service's IPv4
// address with this weight, or none when that is empty.
func (s *space) awaitServer(t *testing.T, of *service, pod, weight string) {
	t.Helper()
	head := fmt.Sprintf("TCP %s:%d ", of.clusterIPs().v4, port)
	line := fmt.Sprintf("  -> %s:%d Masq ", s.Pod(pod).IPv4, lab.Port)
	err := lab.Until(within(t, patience), func() error {
		text, err := s.Host.IPVS()
		_, text, _ = strings.Cut(text, head)
		text, _, _ = strings.Cut(text, "\nTCP")
		_, rest, there := strings.Cut(text, line)
		is, _, _ := strings.Cut(rest, "\n")
		if err == nil && (there != (weight != "") || is != weight) {
			err = fmt.Errorf("real server %s of %s has weight %q, want %q", pod, of.Name, is, weight)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRollingReplacement replaces all Pods of a Service, one by one, as a
// Deployment does: the new one is ready, the old one terminates, refuses new
// connections a moment later, and is gone. No client may notice (F24, K28).
func TestRollingReplacement(t *testing.T) {
	s := shared.space(t)
	now := endpoints{"p1": ready, "p2": ready}
	web := s.service("web", now, nodePort)
	var questions []question
	for _, from := range []string{"p3", "node"} {
		questions = append(questions, s.questions(from, web.clusterIPs(), lab.TCP)...)
	}
	questions = append(questions, web.onNode("outside", nodeAddrs[:2], lab.TCP)...)
	all := startAsking(t, questions)
	until(t, all, func(c lab.Counts) bool { return c.Answered() > 0 })

	next := []string{"r1", "r2", "p1", "p2"}
	for i, old := range []string{"p1", "p2", "r1", "r2"} {
		now[next[i]] = ready
		web.setEndpoints(now)
		now[old] = terminating
		web.setEndpoints(now)
		web.untilOnly(slices.Sorted(maps.Keys(onlyReady(now)))...)
		// Those that have just been accepted are answered.
		more(t, all)
		if err := s.Pod(old).Server.Deafen(); err != nil {
			t.Fatal(err)
		}
		more(t, all)
		delete(now, old)
		web.setEndpoints(now)
		more(t, all)
		if err := s.Pod(old).Serve(lab.Port); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range all {
		c := a.Stop()
		t.Logf("%s: %s", a.question, c)
		if c.Failed() > 0 {
			t.Errorf("%s: %s; want no failure", a.question, c)
		}
	}
}

func onlyReady(all endpoints) endpoints {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(_ string, c condition) bool { return !c.ready })
	return some
}
