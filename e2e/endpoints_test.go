//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestSessionAffinity(t *testing.T) {
	s := shared.space(t)
	lb := external()
	web := s.service("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, loadBalancer(lb), sticky)
	for _, from := range three {
		t.Run("one Pod answers all of "+from, func(t *testing.T) {
			questions := web.onNode(from, nodeAddrs[:2], lab.Protocols()...)
			for _, at := range []pair{web.clusterIPs(), lb} {
				questions = append(questions, s.questions(from, at, lab.Protocols()...)...)
			}
			for _, q := range questions {
				if err := q.answeredByOne(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func (q question) answeredByOne() error {
	first, err := q.ask()
	if err != nil {
		return err
	}
	for range 7 {
		a, err := q.ask()
		if err != nil {
			return err
		}
		if a.Pod != first.Pod {
			return fmt.Errorf("%s: first %s, then %s", q, first, a)
		}
	}
	return nil
}

// asking is a client that asks without a break.
type asking struct {
	question
	*lab.Loop
}

// startAsking has a pace of its own for each question: in step with others, a
// client would meet but one Pod of a round robin.
func startAsking(t *testing.T, questions []question) (all []asking) {
	for i, q := range questions {
		pace := lab.Pace{Every: 250*time.Millisecond + time.Duration(i)*11*time.Millisecond, Timeout: soon}
		l := lab.StartLoop(q.from.Namespace, q.protocol, q.to, pace)
		t.Cleanup(func() { l.Stop() })
		all = append(all, asking{q, l})
	}
	return all
}

// until waits for all of them.
func until(t *testing.T, all []asking, enough func(lab.Counts) bool) {
	t.Helper()
	for _, a := range all {
		if err := a.Until(within(t, patience), enough); err != nil {
			t.Fatalf("%s: %v", a.question, err)
		}
	}
}

func counts(all []asking) (now []lab.Counts) {
	for _, a := range all {
		now = append(now, a.Counts())
	}
	return now
}

// more waits until each has had some more answers.
func more(t *testing.T, all []asking) {
	t.Helper()
	before := counts(all)
	for i, a := range all {
		enough := func(c lab.Counts) bool { return c.Answered() >= before[i].Answered()+4 }
		if err := a.Until(within(t, patience), enough); err != nil {
			t.Errorf("%s: %v", a.question, err)
		}
	}
}

func TestEndpointsComeAndGo(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready})
	// An emulated machine cannot do all of it at a time: each client has all
	// protocols, each protocol both families.
	var questions []question
	for i, from := range three {
		for k, q := range s.questions(from, web.clusterIPs(), lab.Protocols()...) {
			if (i+k)%2 == 0 {
				questions = append(questions, q)
			}
		}
	}
	all := startAsking(t, questions)
	until(t, all, func(c lab.Counts) bool { return c.Answers["p1"] > 0 && c.Answers["r1"] > 0 })

	web.setEndpoints(endpoints{"p1": ready, "r1": ready, "p2": ready})
	until(t, all, func(c lab.Counts) bool { return c.Answers["p2"] > 0 })

	web.setEndpoints(endpoints{"r1": ready, "p2": ready})
	web.untilOnly("p2", "r1")
	gone := counts(all)
	more(t, all)
	for i, a := range all {
		// One answer may have been on its way.
		if now := a.Counts(); now.Answers["p1"] > gone[i].Answers["p1"]+1 {
			t.Errorf("%s: when p1 was gone %s, then %s", a.question, gone[i], now)
		}
	}
	for _, a := range all {
		c := a.Stop()
		t.Logf("%s: %s", a.question, c)
		if c.Failed() > a.lost() {
			t.Errorf("%s: %s; want no failure", a.question, c)
		}
	}
}

// lost is how many questions a removed endpoint may take with it: of SCTP the
// one that is open. TCP is waited for, and a datagram's answer finds its way
// all the same.
func (a asking) lost() int {
	if a.protocol == lab.SCTP {
		return 1
	}
	return 0
}

// untilOnly waits until these Pods and no other answer on the ClusterIPs.
func (s *service) untilOnly(pods ...string) {
	s.space.t.Helper()
	for _, q := range s.space.questions("p3", s.clusterIPs(), lab.TCP) {
		err := lab.Until(within(s.space.t, patience), func() error { return q.answered(itself, pods) })
		if err != nil {
			s.space.t.Fatal(err)
		}
	}
}

func TestNoEndpoints(t *testing.T) {
	s := shared.space(t)
	ips, lb := external(), external()
	web := s.service("web", endpoints{"p1": unready}, externalIPs(ips), loadBalancer(lb))

	var everywhere []question
	for _, from := range three {
		everywhere = append(everywhere, web.onNode(from, nodeAddrs, refusing...)...)
		for _, at := range []pair{web.clusterIPs(), ips, lb} {
			everywhere = append(everywhere, s.questions(from, at, refusing...)...)
		}
	}
	pod := s.questions("p3", web.clusterIPs(), lab.Protocols()...)

	t.Run("an endpoint that is not ready: refused", func(t *testing.T) { refused(t, everywhere) })
	t.Run("the last endpoint, terminating: it serves", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": terminating})
		web.untilOnly("p1")
		answered(t, pod, itself, "p1")
	})
	t.Run("one ready, one terminating: the ready one serves", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": terminating, "p2": ready})
		web.untilOnly("p2")
		answered(t, pod, itself, "p2")
	})
	t.Run("the last endpoint gone: refused, never silent", func(t *testing.T) {
		web.setEndpoints(nil)
		for _, q := range s.questions("p3", web.clusterIPs(), refusing...) {
			err := lab.Until(within(t, patience), func() error {
				a, err := q.ask()
				if errors.Is(err, lab.ErrTimeout) {
					t.Error(err)
				}
				if err == nil {
					err = fmt.Errorf("%s: %s, want a refusal", q, a)
				}
				if isRefusal(err) {
					return nil
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		refused(t, everywhere)
	})
}
