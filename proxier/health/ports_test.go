package health

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Port 0 lets the system choose, so that tests do not meet.
var (
	first  = netip.MustParseAddrPort("127.0.0.1:0")
	second = netip.MustParseAddrPort("127.0.0.2:0")
)

func cart(local int) state.Ready { return state.Ready{Namespace: "shop", Name: "cart", Local: local} }

func newPorts(t *testing.T, h *Health) *Ports {
	p := NewPorts(h)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

type op = reconcile.Op[netip.AddrPort, state.Ready]

func apply(t *testing.T, p *Ports, ops ...op) {
	t.Helper()
	for i, err := range p.Apply(t.Context(), ops) {
		if err != nil {
			t.Fatalf("%s %s: %v", ops[i].Verb, ops[i].Key, err)
		}
	}
}

func holds(t *testing.T, p *Ports, want map[netip.AddrPort]state.Ready) {
	t.Helper()
	if got, err := p.List(t.Context()); err != nil || !maps.Equal(got, want) {
		t.Errorf("open are %v, %v; want %v", got, err, want)
	}
}

// where a port really listens; nowhere if it is not open.
func where(p *Ports, at netip.AddrPort) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[at] == nil {
		return ""
	}
	return p.open[at].listener.Addr().String()
}

type answer struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, strings.TrimSpace(string(body))}
}

func TestPortsComeChangeAndGo(t *testing.T) {
	p := newPorts(t, New(time.Minute))
	holds(t, p, map[netip.AddrPort]state.Ready{})

	// The verb is what the caller believes; the end is the same, and who
	// listens already goes on.
	apply(t, p, op{Verb: reconcile.Create, Key: first, Value: cart(1)}, op{Verb: reconcile.Update, Key: second, Value: cart(2)})
	holds(t, p, map[netip.AddrPort]state.Ready{first: cart(1), second: cart(2)})
	before := where(p, first)
	for _, verb := range []reconcile.Verb{reconcile.Update, reconcile.Create} {
		apply(t, p, op{Verb: verb, Key: first, Value: cart(3)})
		holds(t, p, map[netip.AddrPort]state.Ready{first: cart(3), second: cart(2)})
	}
	if after := where(p, first); after != before {
		t.Errorf("%s has become %s", before, after)
	}
	if a := get(t, "http://"+before); !strings.Contains(a.body, `"localEndpoints":3`) {
		t.Errorf("the answer is still %s", a.body)
	}

	// What has been deleted is free at once.
	for range 2 {
		apply(t, p, op{Verb: reconcile.Delete, Key: first})
		holds(t, p, map[netip.AddrPort]state.Ready{second: cart(2)})
	}
	again, err := net.Listen("tcp4", before)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func TestATakenPortHoldsUpNoOther(t *testing.T) {
	taken, err := net.Listen("tcp4", first.String())
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(taken.Addr().String())
	p := newPorts(t, New(time.Minute))
	table := reconcile.New[string](p, reconcile.Rules[netip.AddrPort, state.Ready]{Name: "health port", Order: netip.AddrPort.Compare})
	table.Claim("cart", map[netip.AddrPort]state.Ready{at: cart(1), second: cart(1)})
	tally := table.Grow(t.Context(), 0)
	if tally.Created != 1 || tally.Failed != 1 || !errors.Is(tally.First, syscall.EADDRINUSE) {
		t.Errorf("while it is taken: %+v", tally)
	}
	holds(t, p, map[netip.AddrPort]state.Ready{second: cart(1)})

	_ = taken.Close()
	if tally := table.Grow(t.Context(), 0); tally.Created != 1 || tally.Failed != 0 {
		t.Errorf("when it is free: %+v", tally)
	}
	holds(t, p, map[netip.AddrPort]state.Ready{at: cart(1), second: cart(1)})
}

func TestAPortThatNoLongerListensIsNotListed(t *testing.T) {
	p := newPorts(t, New(time.Minute))
	apply(t, p, op{Verb: reconcile.Create, Key: first, Value: cart(1)})
	dead := p.open[first]
	_ = dead.listener.Close()
	for deadline := time.Now().Add(10 * time.Second); where(p, first) != ""; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("still listed")
		}
	}
	apply(t, p, op{Verb: reconcile.Create, Key: first, Value: cart(1)})
	p.ended(dead) // late
	holds(t, p, map[netip.AddrPort]state.Ready{first: cart(1)})
}

func TestAnUnspecifiedAddressIsAllOfItsFamilyAndNoOther(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("missing kernel feature: IPv6 on the loopback: %v", err)
	}
	_ = l.Close()
	p := newPorts(t, New(time.Minute))
	four, six := netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::]:0")
	apply(t, p, op{Verb: reconcile.Create, Key: four, Value: cart(4)})
	_, port, err := net.SplitHostPort(where(p, four))
	if err != nil {
		t.Fatal(err)
	}
	// The same port is free in the other family.
	six = netip.MustParseAddrPort(net.JoinHostPort(six.Addr().String(), port))
	apply(t, p, op{Verb: reconcile.Create, Key: six, Value: cart(6)})
	for host, local := range map[string]int{"127.0.0.1": 4, "127.0.0.2": 4, "::1": 6} {
		a := get(t, "http://"+net.JoinHostPort(host, port))
		if got := a.header.Get("X-Load-Balancing-Endpoint-Weight"); got != fmt.Sprint(local) {
			t.Errorf("%s answers %s, want %d", host, got, local)
		}
	}
}

func TestAnswersOfAPort(t *testing.T) {
	late := func(h *Health) { h.Queued(time.Now().Add(-time.Hour)) }
	for _, c := range []struct {
		name  string
		feed  func(*Health)
		local int
		want  string
	}{
		{"endpoints here", func(*Health) {}, 2, `200 2 {"service":{"namespace":"shop","name":"cart"},"localEndpoints":2,"serviceProxyHealthy":true}`},
		{"none here", func(*Health) {}, 0, `503 0 {"service":{"namespace":"shop","name":"cart"},"localEndpoints":0,"serviceProxyHealthy":true}`},
		{"the proxy is late", late, 2, `503 2 {"service":{"namespace":"shop","name":"cart"},"localEndpoints":2,"serviceProxyHealthy":false}`},
		{"the node is not eligible", func(h *Health) { h.NodeEligible(false) }, 1, `200 1 {"service":{"namespace":"shop","name":"cart"},"localEndpoints":1,"serviceProxyHealthy":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := New(time.Minute)
			c.feed(h)
			p := newPorts(t, h)
			apply(t, p, op{Verb: reconcile.Create, Key: first, Value: cart(c.local)})
			for _, path := range []string{"", "/", "/healthz", "/any/path?at=all"} {
				a := get(t, "http://"+where(p, first)+path)
				if got := fmt.Sprintf("%d %s %s", a.code, a.header.Get("X-Load-Balancing-Endpoint-Weight"), a.body); got != c.want {
					t.Errorf("%q:\n%s\nwant\n%s", path, got, c.want)
				}
				if got := a.header.Get("Content-Type") + ", " + a.header.Get("X-Content-Type-Options"); got != "application/json, nosniff" {
					t.Errorf("%q: headers %s", path, got)
				}
			}
		})
	}
}
