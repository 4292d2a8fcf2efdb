//go:build linux

package main

import (
	"errors"
	"net/netip"
	"testing"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestVerdict(t *testing.T) {
	client := netip.MustParseAddr("10.244.1.4")
	q := question{
		from: "p4", client: client, pods: []string{"p1", "p2"},
		front: front{service: "web", way: "ClusterIP", at: netip.MustParseAddrPort("10.96.0.10:80")},
	}
	said := func(pod, client string) func(*replies) {
		return func(r *replies) { r.count(q, lab.Answer{Pod: pod, Client: netip.MustParseAddr(client)}, nil) }
	}
	p1, p2 := said("p1", "10.244.1.4"), said("p2", "10.244.1.4")
	silence := func(r *replies) { r.count(q, lab.Answer{}, errors.New("timed out")) }
	for name, c := range map[string]struct {
		half [2]func(*replies) // each half of the answers
		want string
	}{
		"fine":         {half: [2]func(*replies){p1, p2}},
		"one is idle":  {[2]func(*replies){p1, p1}, "p2 did not answer once"},
		"stranger":     {[2]func(*replies){p1, said("p3", "10.244.1.4")}, "15 times p3 answered, p2 did not answer once"},
		"other client": {[2]func(*replies){p1, said("p2", "192.0.2.1")}, "15 times p2 saw the client 192.0.2.1"},
		"silence":      {[2]func(*replies){p1, silence}, "15 times timed out, p2 did not answer once"},
	} {
		if c.want != "" {
			c.want = "p4 asks web ClusterIP at 10.96.0.10:80, expected answers of p1 p2, who see the client 10.244.1.4. Of 30 times: " + c.want + "."
		}
		r := newReplies()
		for range each / 2 {
			c.half[0](&r)
			c.half[1](&r)
		}
		if got := q.verdict(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	once := newReplies()
	p1(&once)
	if got := q.verdict(once); got != "" {
		t.Errorf("asked once: %q", got)
	}
}

func TestWhoAsks(t *testing.T) {
	for _, c := range []struct {
		way, from string
		want      bool
	}{
		{"ClusterIP", asker, true},
		{"ClusterIP", "node", true},
		{"ClusterIP", "outside", false},
		{"NodePort", "node", false},
		{"NodePort", "outside", true},
		{"LoadBalancer", asker, false},
		{"LoadBalancer", "outside", true},
	} {
		if got := (front{way: v1.ServiceType(c.way)}).asks(c.from); got != c.want {
			t.Errorf("%s asks at %s: %t", c.from, c.way, got)
		}
	}
}
