package turn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/peer"
)

// Address of the lock in the node's network namespace.
const Address = "@kube-ipvs-turn"

// ErrStranger says that a user who could not serve holds the lock: anybody may
// take an abstract address.
var ErrStranger = errors.New("the lock is held by a user who is neither root nor our own")

// again is how long after an answer that is none the lock is tried anew.
const again = time.Second

// longestName of a holder that is read.
const longestName = 256

// Turn is the right to serve, until Close or the end of the process.
type Turn struct {
	listener net.Listener
	held     context.Context // until Close
	leave    func()
}

// Close gives the turn to the next.
func (t *Turn) Close() error {
	defer t.leave()
	return t.listener.Close()
}

// Wait returns when it is our turn, at once if nobody holds it, or with an
// error: ErrStranger, or that of ctx. Name says who we are, to those who wait
// for us; waiting is told for whom we wait, whenever that is another.
func Wait(ctx context.Context, address, name string, waiting func(holder string)) (*Turn, error) {
	for last := ""; ; {
		l, err := net.Listen("unix", address)
		if err == nil {
			t := &Turn{listener: l}
			t.held, t.leave = context.WithCancel(context.Background())
			go t.tell(name)
			return t, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("take the lock %s: %w", address, err)
		}
		err = follow(ctx, address, func(holder string) {
			if holder != last {
				waiting(holder)
			}
			last = holder
		})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrStranger):
			return nil, err
		case err != nil:
			pause(ctx, again)
		}
	}
}

// Holder is who has the turn now; empty: nobody.
func Holder(ctx context.Context, address string) (holder string) {
	ctx, stop := context.WithTimeout(ctx, again)
	defer stop()
	// Whoever does not say who he is cannot be named.
	_ = follow(ctx, address, func(name string) {
		holder = name
		stop()
	})
	return holder
}

// follow tells who holds the lock, and returns when that one ends.
func follow(ctx context.Context, address string, holder func(string)) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", address)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil // it has just ended
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if !peer.Admitted(conn) {
		return ErrStranger
	}
	name, err := bufio.NewReader(io.LimitReader(conn, longestName)).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read who holds the lock: %w", err)
	}
	holder(strings.TrimSpace(name))
	_, err = conn.Read(make([]byte, 1)) // there is no more, but an end
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// tell says who we are to those who wait, and keeps them waiting until we end.
func (t *Turn) tell(name string) {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		if !peer.Admitted(conn) {
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
