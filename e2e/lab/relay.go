//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Relay passes TCP connections from a namespace on to an address that the
// calling process can reach.
type Relay struct {
	listener net.Listener
	target   string
	ctx      context.Context // of the dialling side, ends with Close
	stop     context.CancelFunc
	work     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// Relay listens inside the namespace, on a loopback address as a rule (port 0
// chooses one), and dials target ("10.0.2.2:6443") from outside it.
func (n *Namespace) Relay(at netip.AddrPort, target string) (*Relay, error) {
	l, err := n.Listen(TCP, at)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", target, err)
	}
	r := &Relay{listener: l, target: target, conns: map[net.Conn]bool{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.work.Go(r.accept)
	return r, nil
}

// Addr is where the relay listens.
func (r *Relay) Addr() netip.AddrPort { return r.listener.Addr().(*net.TCPAddr).AddrPort() }

// Cut breaks every connection that is open now.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

// Close ends the relay and its connections.
func (r *Relay) Close() error {
	r.stop()
	err := r.listener.Close()
	r.Cut()
	r.work.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		near, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.work.Go(func() { r.carry(near) })
		}
	}
}

// carry passes bytes both ways until both sides have no more.
func (r *Relay) carry(near net.Conn) {
	defer near.Close()
	var d net.Dialer
	far, err := d.DialContext(r.ctx, "tcp", r.target)
	if err != nil {
		return
	}
	defer far.Close()
	if !r.keep(near, far) {
		return
	}
	defer r.drop(near, far)
	var both sync.WaitGroup
	both.Go(func() { pass(near, far) })
	both.Go(func() { pass(far, near) })
	both.Wait()
}

func (r *Relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = true
	}
	return r.ctx.Err() == nil // else Cut came before
}

func (r *Relay) drop(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.conns, c)
	}
}

// pass ends its own direction only, as the other may have more to say, unless
// the connection is broken.
func pass(from, to net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		from.Close()
		to.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite() // the other side may be gone by now
}
