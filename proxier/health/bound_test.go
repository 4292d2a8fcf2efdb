package health

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// pipes is a listener in memory.
type pipes struct {
	silent
	calls chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// A client that does not ask, does not go on or does not listen is left.
func TestClientsThatKeepUsWaitingAreLeft(t *testing.T) {
	const question = "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
	for _, c := range []struct {
		name, says string
		reads      bool
		after      time.Duration
	}{
		{"says nothing", "", true, headerLimit},
		{"stops in the middle", question[:20], true, headerLimit},
		{"asks once and is quiet", question, true, idleLimit},
		{"does not read the answer", question, false, answerLimit},
		{"has a body that never comes", strings.Replace(question, "\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n", 1), true, headerLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := pipes{silent{make(chan struct{})}, make(chan net.Conn)}
				s := Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(w, strings.Repeat("here", 1<<12))
				})}
				s.listen = func(string, string) (net.Listener, error) { return listener, nil }
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				client, server := net.Pipe()
				listener.calls <- server
				begin := time.Now()
				if _, err := io.WriteString(client, c.says); err != nil {
					t.Fatal(err)
				}
				if !c.reads {
					time.Sleep(2 * answerLimit)
				}
				heard, err := io.Copy(io.Discard, client)
				if err != nil || !c.reads && heard > 0 {
					t.Errorf("heard %d bytes, %v", heard, err)
				}
				if took := time.Since(begin); c.reads && (took < c.after || took > c.after+time.Second) {
					t.Errorf("left after %s, want %s", took, c.after)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A port that closes leaves neither goroutines nor connections, whichever client has asked.
func TestPortsThatCloseLeaveNothing(t *testing.T) {
	p := newPorts(t, New(time.Minute))
	before := runtime.NumGoroutine()
	var clients []net.Conn
	for i := range 200 {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}), 0)
		apply(t, p, op{Verb: reconcile.Create, Key: at, Value: cart(1)})
		c, err := net.Dial("tcp4", where(p, at))
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		apply(t, p, op{Verb: reconcile.Delete, Key: at})
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines more", runtime.NumGoroutine()-before)
		}
	}
	for _, c := range clients {
		_ = c.Close()
	}
	p.bound.mu.Lock()
	defer p.bound.mu.Unlock()
	if n := len(p.bound.open) + p.bound.order.Len(); n > 0 {
		t.Errorf("%d connections are kept", n)
	}
}

// Clients that hold many connections keep no other from asking, and cost no more
// than there may be.
func TestManyConnectionsKeepNobodyOut(t *testing.T) {
	serve := func(t *testing.T, listener net.Listener) {
		s := Server{HardFail: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })}
		s.listen = func(string, string) (net.Listener, error) { return listener, nil }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	for name, open := range map[string]func(*testing.T) string{
		"a server": func(t *testing.T) string {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serve(t, listener)
			return listener.Addr().String()
		},
		"health ports": func(t *testing.T) string {
			p := newPorts(t, New(time.Minute))
			apply(t, p, op{Verb: reconcile.Create, Key: netip.MustParseAddrPort("127.0.0.1:0"), Value: cart(1)})
			return where(p, first)
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := open(t)
			before := runtime.NumGoroutine()
			for i := range 3 * mostConnections {
				c, err := net.Dial("tcp4", at)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				if i%2 == 0 { // some have begun to ask
					if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil {
						t.Fatal(err)
					}
				}
			}
			if a := get(t, "http://"+at); a.code != http.StatusOK {
				t.Errorf("%+v", a)
			}
			for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+mostConnections+10; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatalf("%d goroutines for %d connections, want %d at most", runtime.NumGoroutine()-before, 3*mostConnections, mostConnections)
				}
			}
		})
	}
}
