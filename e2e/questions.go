//go:build e2e

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

var families = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}

// refusing are the protocols that hear "port unreachable", by which an empty
// virtual server and our rules refuse. SCTP waits in vain.
var refusing = []corev1.Protocol{lab.TCP, lab.UDP}

// client is one that asks.
type client struct {
	*lab.Namespace
	addrs pair
}

// client is a Pod, "node" for a process of the node, or "outside".
func (c *cluster) client(name string) client {
	switch name {
	case "node":
		return client{c.Node.Namespace, pair{c.Node.IPv4, c.Node.IPv6}}
	case "outside":
		return client{c.Outside, readPair("192.0.2.100", "2001:db8:0:2::100")}
	}
	pod := c.Pod(name)
	return client{pod.Namespace, pair{pod.IPv4, pod.IPv6}}
}

// three are the clients that differ: each takes another way into IPVS.
var three = []string{"p3", "node", "outside"}

// source is whom a Pod takes for the client.
type source int

const (
	itself  source = iota // the client as it is
	theNode               // by any of its addresses
	anybody
)

func (s source) String() string { return [...]string{"the client itself", "the node", "anybody"}[s] }

func (s source) of(q question, seen netip.Addr) bool {
	switch s {
	case anybody:
		return true
	case itself:
		return seen == q.from.addrs.like(q.to.Addr())
	}
	return slices.Contains(nodeAddrs, seen) || slices.Contains(laterAddrs, seen)
}

// question is one kind of traffic from one client to one address and port.
type question struct {
	from     client
	protocol corev1.Protocol
	to       netip.AddrPort
}

func (q question) String() string { return fmt.Sprintf("%s asks %s/%s", q.from.Name, q.to, q.protocol) }

func (q question) ask() (lab.Answer, error) { return lab.Ask(q.from.Namespace, q.protocol, q.to, soon) }

// questions are those of one client to the Service port at an address of each
// family, over these protocols.
func (c *cluster) questions(from string, at pair, protocols ...corev1.Protocol) (all []question) {
	for _, f := range families {
		for _, p := range protocols {
			all = append(all, question{c.client(from), p, netip.AddrPortFrom(at.of(f), port)})
		}
	}
	return all
}

// onNode are those of one client to the Service's node ports at these
// addresses.
func (s *service) onNode(from string, addrs []netip.Addr, protocols ...corev1.Protocol) (all []question) {
	for _, a := range addrs {
		for _, p := range protocols {
			all = append(all, question{s.space.client(from), p, netip.AddrPortFrom(a, s.nodePort(p))})
		}
	}
	return all
}

// answered asks each question until each of the Pods has answered, and often
// enough for any other to be met. Nothing may go unanswered.
func answered(t *testing.T, questions []question, seen source, by ...string) {
	t.Helper()
	for _, q := range questions {
		if err := q.answered(seen, by); err != nil {
			t.Error(err)
		}
	}
}

func (q question) answered(seen source, by []string) error {
	met := map[string]bool{}
	for i := 0; i < 2*(len(by)+1) || len(met) < len(by) && i < 10*len(by); i++ {
		a, err := q.ask()
		switch {
		case err != nil:
			return err
		case !slices.Contains(by, a.Pod):
			return fmt.Errorf("%s: %s answers, want one of %v", q, a.Pod, by)
		case !seen.of(q, a.Client):
			return fmt.Errorf("%s: %s sees %s, want %s", q, a.Pod, a.Client, seen)
		}
		met[a.Pod] = true
	}
	if len(met) < len(by) {
		return fmt.Errorf("%s: only %v answer, want all of %v", q, met, by)
	}
	return nil
}

// refused asks all questions at once: a process of the node hears the refusal
// only when it asks again, after a second.
func refused(t *testing.T, questions []question) {
	t.Helper()
	var asking sync.WaitGroup
	for _, q := range questions {
		asking.Go(func() {
			if a, err := q.ask(); !isRefusal(err) {
				t.Errorf("%s: %v, %v; want a refusal", q, a, err)
			}
		})
	}
	asking.Wait()
}

// isRefusal knows both ways: a process of the node that sends a datagram to a
// virtual server without real servers is told EPERM.
func isRefusal(err error) bool {
	return errors.Is(err, lab.ErrRefused) || errors.Is(err, syscall.EPERM)
}

// become waits until each of the questions has this outcome.
func become(t *testing.T, questions []question, outcome func(question) error) {
	t.Helper()
	var asking sync.WaitGroup
	for _, q := range questions {
		asking.Go(func() {
			if err := lab.Until(within(t, patience), func() error { return outcome(q) }); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
}

// by is answered, in the end, by all of these Pods and no other.
func by(pods ...string) func(question) error {
	return func(q question) error { return q.answered(anybody, pods) }
}

// refusal is what is not served.
func refusal(q question) error {
	if a, err := q.ask(); !isRefusal(err) {
		return fmt.Errorf("%s: %v, %w; want a refusal", q, a, cmp.Or(err, errors.New("no error")))
	}
	return nil
}

// silence is what is dropped.
func silence(q question) error {
	a, err := lab.Ask(q.from.Namespace, q.protocol, q.to, long)
	if errors.Is(err, lab.ErrTimeout) || q.from.Name == "node" && errors.Is(err, syscall.EPERM) {
		return nil
	}
	return fmt.Errorf("%s: %v, %w; want silence", q, a, cmp.Or(err, errors.New("no error")))
}
