package nodelock

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/peercred"
)

// Address of the lock in the node's network namespace.
const Address = "@kube-ipvs-lock"

// ErrPassedOver says that one who cannot serve holds the lock, or one of whom that
// is not known has held it for too long: any program may take an abstract address.
var ErrPassedOver = errors.New("the lock is not waited for")

const (
	again   = time.Second           // after an answer that is none the lock is tried anew
	between = 20 * time.Millisecond // after the end of a holder, when another has been faster

	// nameLimit is how long a holder may take to say its name.
	nameLimit = 5 * time.Second

	// unseenLimit is how long one is waited for who cannot be seen to have the right
	// to serve: an upgrade is over by then, and a node that is served twice is better
	// off than one that is not served.
	unseenLimit = 2 * time.Minute

	longestName = 256
)

// Lock is what is waited for.
type Lock struct {
	Address string
	Name    string // ours, for those who wait for us

	// Waiting is told for whom we wait: at once what the kernel knows of it, then the
	// name, and whenever that is another.
	Waiting func(Holder)

	refuse      func(peercred.Peer) error // nil: peercred.Peer.Refuse
	known       func(peercred.Peer) bool  // nil: by peercred.Peer.MayServe
	nameLimit   time.Duration
	unseenLimit time.Duration
}

// Holder is a process that has the lock.
type Holder struct {
	peercred.Peer
	Name string // empty: it has not said it
}

// String is its name, or what the kernel knows of it.
func (h Holder) String() string {
	if h.Name == "" {
		return h.Peer.String()
	}
	return h.Name
}

// Turn is the right to serve, until Close or the end of the process.
type Turn struct {
	listener net.Listener
	held     context.Context // until Close
	leave    func()
}

// Close gives the lock to the next.
func (t *Turn) Close() error {
	defer t.leave()
	return t.listener.Close()
}

// Wait returns when we have the lock, at once if no process holds it, or with an
// error: ErrPassedOver, or that of ctx.
func (l Lock) Wait(ctx context.Context) (*Turn, error) {
	w := wait{Lock: l.complete()}
	for {
		listener, err := net.Listen("unix", l.Address)
		if err == nil {
			t := &Turn{listener: listener}
			t.held, t.leave = context.WithCancel(context.Background())
			go t.tell(l.Name)
			return t, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("take the lock %s: %w", l.Address, err)
		}
		err = w.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrPassedOver):
			return nil, err
		case err != nil:
			pause(ctx, again)
		default:
			pause(ctx, between)
		}
	}
}

func (l Lock) complete() Lock {
	if l.refuse == nil {
		l.refuse = peercred.Peer.Refuse
	}
	if l.known == nil {
		l.known = func(p peercred.Peer) bool { _, known := p.MayServe(); return known }
	}
	l.nameLimit, l.unseenLimit = cmp.Or(l.nameLimit, nameLimit), cmp.Or(l.unseenLimit, unseenLimit)
	return l
}

// HolderOf is which process has the lock now; nil: none, or one that could not serve.
func HolderOf(ctx context.Context, address string) (holder *Holder) {
	ctx, stop := context.WithTimeout(ctx, again)
	defer stop()
	w := wait{Lock: Lock{Address: address, Waiting: func(h Holder) {
		holder = &h
		if h.Name != "" {
			stop()
		}
	}}.complete()}
	_ = w.follow(ctx) // it is enough that none is named
	return holder
}

// wait is one's waiting for a lock, for one holder after the other.
type wait struct {
	Lock
	last   Holder    // as told
	unseen time.Time // since then for those of whom it is not known whether they may serve
}

// follow tells who holds the lock, and returns when that one ends.
func (w *wait) follow(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", w.Address)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil // it has just ended
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := peercred.Of(conn)
	if err != nil {
		return err
	}
	if err := w.refuse(p); err != nil {
		return fmt.Errorf("%w: %w", ErrPassedOver, err)
	}
	if !w.known(p) {
		if w.unseen.IsZero() {
			w.unseen = time.Now()
		}
		var stop func()
		ctx, stop = context.WithDeadlineCause(ctx, w.unseen.Add(w.unseenLimit), ErrPassedOver)
		defer stop()
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err = w.attend(conn, p)
	if errors.Is(context.Cause(ctx), ErrPassedOver) {
		return fmt.Errorf("%w: held for %s by %s, which may be none that serves", ErrPassedOver, w.unseenLimit, w.last)
	}
	return err
}

// attend tells the holder's name and waits for its end.
func (w *wait) attend(conn net.Conn, p peercred.Peer) error {
	if p != w.last.Peer {
		w.tell(Holder{Peer: p})
	}
	if err := conn.SetReadDeadline(time.Now().Add(w.nameLimit)); err != nil {
		return err
	}
	from := bufio.NewReader(io.LimitReader(conn, longestName))
	name, err := from.ReadString('\n')
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read who holds the lock: %w", err)
	}
	if name = strings.TrimSpace(name); name != w.last.Name {
		w.tell(Holder{Peer: p, Name: name})
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1)) // there is no more, but an end
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

func (w *wait) tell(h Holder) {
	w.last = h
	w.Waiting(h)
}

// tell says who we are to those who wait, and keeps them waiting until we end.
func (t *Turn) tell(name string) {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		if p, err := peercred.Of(conn); err != nil || !p.Admitted() {
			_ = conn.Close()
			continue
		}
		go func() {
			defer context.AfterFunc(t.held, func() { _ = conn.Close() })()
			defer conn.Close()
			// One that has gone is told nothing and read nothing from.
			_, _ = fmt.Fprintln(conn, name)
			_, _ = io.Copy(io.Discard, conn)
		}()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
