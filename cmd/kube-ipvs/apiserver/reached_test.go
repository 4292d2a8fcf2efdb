package apiserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

// peerConn is a connection to any address.
type peerConn struct {
	net.Conn
	to netip.AddrPort
}

func (c peerConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.to) }
func (c peerConn) Close() error         { return nil }

func addrPorts(texts ...string) (all []netip.AddrPort) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

// An address is known before the first connection; a port follows the scheme.
func TestWhereTheAPIServerIsReached(t *testing.T) {
	for host, want := range map[string]string{
		"https://192.0.2.250:6443": "192.0.2.250:6443", "https://192.0.2.250": "192.0.2.250:443", "http://192.0.2.250": "192.0.2.250:80",
		"https://[2001:db8::fa]:6443": "[2001:db8::fa]:6443", "192.0.2.250:6443": "192.0.2.250:6443",
	} {
		if got := newReached(&rest.Config{Host: host}).Addresses(); !slices.Equal(got, addrPorts(want)) {
			t.Errorf("%s: %v, want %s", host, got, want)
		}
	}
	if got := newReached(&rest.Config{Host: "https://api.example.com"}).Addresses(); len(got) > 0 {
		t.Errorf("a name: %v", got)
	}
}

// The name is asked for again while nothing connects; what it last had stays while
// no name server answers (K27).
func TestTheAPIServersNameIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReached(&rest.Config{Host: "https://api.example.com:6443"})
		var found atomic.Value // []netip.Addr
		r.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			addrs, _ := found.Load().([]netip.Addr)
			if host != "api.example.com" || len(addrs) == 0 {
				return nil, errors.New("no such host")
			}
			return slices.Clone(addrs), nil
		}
		var changed atomic.Int32
		r.Changed = func() { changed.Add(1) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Follow(ctx) }()
		for _, step := range []struct {
			found   []string
			want    []string
			changed int32
		}{
			{nil, nil, 0},
			{[]string{"192.0.2.250", "2001:db8::fa"}, []string{"192.0.2.250:6443", "[2001:db8::fa]:6443"}, 1},
			{[]string{"2001:db8::fa", "192.0.2.250"}, []string{"192.0.2.250:6443", "[2001:db8::fa]:6443"}, 1},
			{[]string{"192.0.2.251"}, []string{"192.0.2.251:6443"}, 2},
			{nil, []string{"192.0.2.251:6443"}, 2},
		} {
			var addrs []netip.Addr
			for _, text := range step.found {
				addrs = append(addrs, netip.MustParseAddr(text))
			}
			found.Store(addrs)
			time.Sleep(askAgain) // the clock is synctest's
			synctest.Wait()
			if got := r.Addresses(); !slices.Equal(got, addrPorts(step.want...)) || changed.Load() != step.changed {
				t.Errorf("%v: %v, told %d times; want %v, %d", step.found, got, changed.Load(), step.want, step.changed)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The other end of a connection counts as long as it is open, and the last one
// beyond that: it may be a proxy, or one of many behind a name.
func TestTheOtherEndsOfConnectionsCount(t *testing.T) {
	r := newReached(&rest.Config{Host: "https://192.0.2.250:6443"})
	to := "198.51.100.1:3128"
	r.connect = func(context.Context, string, string) (net.Conn, error) {
		return peerConn{to: netip.MustParseAddrPort(to)}, nil
	}
	changed := 0
	r.Changed = func() { changed++ }
	dial := func() net.Conn {
		c, err := r.dial(t.Context(), "tcp", "api.example.com:6443")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	expect := func(times int, want ...string) {
		t.Helper()
		if got := r.Addresses(); !slices.Equal(got, addrPorts(want...)) || changed != times {
			t.Errorf("%v, told %d times; want %v, %d", got, changed, want, times)
		}
	}
	first, again := dial(), dial()
	expect(1, "192.0.2.250:6443", "198.51.100.1:3128")
	to = "198.51.100.2:3128"
	second := dial()
	expect(2, "192.0.2.250:6443", "198.51.100.1:3128", "198.51.100.2:3128")
	closeAll(t, first, first) // twice counts once
	expect(2, "192.0.2.250:6443", "198.51.100.1:3128", "198.51.100.2:3128")
	closeAll(t, again)
	expect(3, "192.0.2.250:6443", "198.51.100.2:3128")
	closeAll(t, second)
	expect(3, "192.0.2.250:6443", "198.51.100.2:3128")

	r.connect = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
	if _, err := r.dial(t.Context(), "tcp", "api.example.com:6443"); err == nil {
		t.Error("no error")
	}
}

func closeAll(t *testing.T, all ...net.Conn) {
	t.Helper()
	for _, c := range all {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
