//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestDeletedServiceLeavesNothing(t *testing.T) {
	s := shared.space(t)
	stays := s.service("stays", endpoints{"p1": ready})
	before := s.mustLook(t)
	goes := s.service("goes", endpoints{"p1": ready, "r1": ready}, externalIPs(external()), loadBalancer(external()), sticky)
	there := s.mustLook(t)

	goes.delete()
	for _, part := range []struct {
		name string
		of   func(kernelState) string
	}{
		{"virtual servers", func(k kernelState) string { return k.IPVS }},
		{"set members", func(k kernelState) string { return k.Sets }},
		{"addresses", func(k kernelState) string { return k.Addresses }},
	} {
		t.Run("its "+part.name+" are gone", func(t *testing.T) {
			if part.of(there) == part.of(before) {
				t.Fatalf("it had none:\n%s", part.of(there))
			}
			var got string
			err := lab.Until(within(t, patience), func() error {
				now, err := s.look()
				if got = part.of(now); err == nil && got != part.of(before) {
					err = errors.New("some are left")
				}
				return err
			})
			if err != nil {
				t.Errorf("%v (-before +now):\n%s", err, cmp.Diff(part.of(before), got))
			}
		})
	}
	t.Run("other Services answer", func(t *testing.T) {
		answered(t, s.questions("p3", stays.clusterIPs(), lab.Protocols()...), itself, "p1")
	})
}

// Traffic does not need the daemon, and a new daemon has nothing to write.
func TestRestart(t *testing.T) {
	s := shared.space(t)
	lb := external()
	web := s.service("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, loadBalancer(lb))
	shop := s.service("shop", endpoints{"p1": ready, "r1": ready}, externalIPs(external()), sticky)
	before := s.mustLook(t)

	var questions []question
	for _, from := range three {
		protocols := lab.Protocols()
		if from == "node" {
			// SCTP offers all addresses of the host, which no association
			// survives behind address translation.
			protocols = refusing
		}
		questions = append(questions, s.questions(from, web.clusterIPs(), protocols...)...)
		questions = append(questions, s.questions(from, lb, protocols...)...)
		questions = append(questions, web.onNode(from, nodeAddrs[:2], protocols...)...)
	}
	connections := hold(t, questions)
	// As many as an emulated machine bears: each way, protocol and family.
	var some []question
	for i := 0; i < len(questions); i += 7 {
		some = append(some, questions[i])
	}
	loops := startAsking(t, some)
	until(t, loops, func(c lab.Counts) bool { return c.Answered() > 0 })

	for _, end := range []struct {
		name string
		end  func(t *testing.T)
	}{
		{"killed", func(t *testing.T) {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
		}},
		{"terminated", func(t *testing.T) {
			if code, err := s.Stop(); err != nil || code != 0 {
				t.Fatalf("exit code %d, %v; want 0", code, err)
			}
		}},
	} {
		t.Run(end.name+": the kernel stays as it is", func(t *testing.T) {
			end.end(t)
			s.becomes(before)
			more(t, loops)
		})
		t.Run(end.name+" and started again: nothing is written", func(t *testing.T) {
			if err := s.start(); err != nil {
				t.Fatal(err)
			}
			calls, err := s.count("kubeipvs_kernel_rows_total")
			if written := calls.since(nil); err != nil || len(written) > 0 {
				t.Errorf("changed in the kernel: %v (%v)", written, err)
			}
			s.becomes(before)
			more(t, loops)
		})
	}
	t.Run("no question was unanswered meanwhile", func(t *testing.T) {
		for _, l := range loops {
			if c := l.Stop(); c.Failed() > 0 {
				t.Errorf("%s: %s", l.question, c)
			}
		}
	})
	t.Run("connections from before live on", func(t *testing.T) {
		for _, c := range connections {
			if a, err := c.Ping(); err != nil || a != c.first {
				t.Errorf("%s: first %s, now %v, %v", c.question, c.first, a, err)
			}
		}
	})
	t.Run("changed while there was no daemon: caught up at its start", func(t *testing.T) {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		shop.delete()
		web.setEndpoints(endpoints{"p2": ready})
		newer := s.created("newer", endpoints{"p1": ready})
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		web.untilOnly("p2")
		newer.untilOnly("p1")
		bound, err := s.Host.Addresses("kube-ipvs0")
		if err != nil || strings.Contains(bound, shop.Spec.ClusterIP+"/") {
			t.Errorf("addresses: %v\n%swant none of a Service that is gone", err, bound)
		}
	})
}

func TestLostConnectionsToTheAPIServer(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	s.relay.Cut()
	web.setEndpoints(endpoints{"r1": ready})
	web.untilOnly("r1")
}

// held is a connection, and who answered on it first.
type held struct {
	question
	*lab.Held
	first lab.Answer
}

func hold(t *testing.T, questions []question) (all []held) {
	for _, q := range questions {
		h, err := lab.Hold(q.from.Namespace, q.protocol, q.to, soon)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		first, err := h.Ping()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, held{q, h, first})
	}
	return all
}
