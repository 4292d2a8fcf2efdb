//go:build linux

package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	// each is how often every question is asked: it can be shared evenly by two
	// to six Pods but four.
	each = 30
	// patience is how long one answer may take.
	patience = 2 * time.Second
	// tries is how many failures in a row end a question.
	tries = 3
)

// question is asked by a client at a frontend, again and again.
type question struct {
	from   string
	front  front
	pods   []string   // that are to answer, sorted
	client netip.Addr // that they are to see
}

// asks tells whether this one asks at f: a cluster address is for those inside,
// the others are for those outside.
func (f front) asks(from string) bool {
	return (f.way == v1.ServiceTypeClusterIP) == (from != "outside")
}

// questions are asked at each front that its Service is for.
func (s *stage) questions(fronts []front) ([]question, error) {
	var all []question
	for _, from := range []string{asker, "node", "outside"} {
		for _, f := range fronts {
			if !f.chief || !f.asks(from) {
				continue
			}
			client, err := s.client(from, f)
			if err != nil {
				return nil, err
			}
			all = append(all, question{from: from, front: f, pods: s.podNames(f), client: client})
		}
	}
	return all, nil
}

func (s *stage) podNames(f front) []string {
	var names []string
	for _, p := range f.pods {
		names = append(names, s.names[p.Addr()])
	}
	slices.Sort(names)
	return names
}

// client is whom the Pods are to see: a Pod, and what comes by way of a
// Local policy, as itself. For the others the node stands in, so that answers
// come back through it.
func (s *stage) client(from string, f front) (netip.Addr, error) {
	if from != asker && !f.local {
		if f.at.Addr().Is4() {
			return s.lab.Node.IPv4, nil
		}
		return s.lab.Node.IPv6, nil
	}
	// A UDP socket knows its own address and sends nothing.
	h, err := lab.Hold(s.lab.Namespace(from), lab.UDP, f.at, patience)
	if err != nil {
		return netip.Addr{}, err
	}
	defer h.Close()
	return h.Local().Addr(), nil
}

// replies is what came of a question.
type replies struct {
	asked    int
	pods     map[string]int
	clients  map[string]int // as the Pods saw them
	problems map[string]int // what was not as it should be
}

func newReplies() replies {
	return replies{pods: map[string]int{}, clients: map[string]int{}, problems: map[string]int{}}
}

// ask asks a question so many times, each time over a new connection.
func (q question) ask(from *lab.Namespace, times int) replies {
	r := newReplies()
	for failed := 0; r.asked < times && failed < tries; {
		answer, err := lab.Ask(from, lab.TCP, q.front.at, patience)
		r.count(q, answer, err)
		if failed++; err == nil {
			failed = 0
		}
	}
	return r
}

// count judges one answer.
func (r *replies) count(q question, a lab.Answer, err error) {
	r.asked++
	if err != nil {
		r.problems[err.Error()]++
		return
	}
	r.pods[a.Pod]++
	r.clients[a.Client.String()]++
	if !slices.Contains(q.pods, a.Pod) {
		r.problems[a.Pod+" answered"]++
	}
	if a.Client != q.client {
		r.problems[fmt.Sprintf("%s saw the client %s", a.Pod, a.Client)]++
	}
}

// verdict is what was expected and what was not as it should be; empty when
// all was.
func (q question) verdict(r replies) string {
	var wrong []string
	for _, what := range slices.Sorted(maps.Keys(r.problems)) {
		wrong = append(wrong, fmt.Sprintf("%d times %s", r.problems[what], what))
	}
	for _, name := range q.pods {
		if r.pods[name] == 0 && r.asked == each {
			wrong = append(wrong, name+" did not answer once")
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("%s asks %s at %s, expected answers of %s, who see the client %s. Of %d times: %s.",
		q.from, q.front, q.front.at, strings.Join(q.pods, " "), q.client, r.asked, strings.Join(wrong, ", "))
}
