package adminsocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/peercred"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Address of the admin socket in the node's network namespace.
const Address = "@kube-ipvs"

// ErrNoDaemon says that no daemon runs in this network namespace.
var ErrNoDaemon = errors.New("none answers in this network namespace")

// answerLimit ends a question that the daemon does not come round to.
const answerLimit = 10 * time.Second

// Answer takes a snapshot.
type Answer func(context.Context, snapshot.Question) (snapshot.Daemon, error)

// again is how long after a failure the socket is opened anew.
const again = 5 * time.Second

// Serve answers at an address until ctx ends, root and the user that the daemon runs as only. Failed is told of each failure, which is followed by another
// try: there may still be an old daemon that is about to end.
func Serve(ctx context.Context, address string, answer Answer, failed func(error)) {
	for ctx.Err() == nil {
		if err := serve(ctx, address, answer); ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func serve(ctx context.Context, address string, answer Answer) error {
	l, err := net.Listen("unix", address)
	if err != nil {
		return fmt.Errorf("listen on the admin socket %s: %w", address, err)
	}
	server := &http.Server{Handler: handler(answer), ReadHeaderTimeout: answerLimit}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	return fmt.Errorf("serve on the admin socket %s: %w", address, server.Serve(guarded{l}))
}

// guarded hangs up on those who are not admitted.
type guarded struct{ net.Listener }

func (l guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p, err := peercred.Of(conn); err == nil && p.Admitted() {
			return conn, nil
		}
		_ = conn.Close()
	}
}

func handler(answer Answer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerLimit)
		defer cancel()
		d, err := answer(ctx, snapshot.Question{Services: r.URL.Query().Get("services")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d) // the client has hung up
	})
	return mux
}

// Ask puts q to the daemon at an address, and says who has answered. Any program may
// take an abstract address: one who cannot be a daemon is asked nothing. What the
// answer says can be printed as it is. Each error is a reason why there is no
// daemon; ErrNoDaemon where nothing is at the address.
func Ask(ctx context.Context, address string, q snapshot.Question) (d snapshot.Daemon, from peercred.Peer, err error) {
	client := http.Client{Timeout: 2 * answerLimit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
			conn, from, err = dial(ctx, address)
			return conn, err
		},
	}}
	ask := &url.URL{Scheme: "http", Host: "daemon", Path: "/snapshot", RawQuery: url.Values{"services": {q.Services}}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ask.String(), http.NoBody)
	if err != nil {
		return d, from, err
	}
	response, err := client.Do(request)
	var refused refusal
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return d, from, ErrNoDaemon
	case errors.As(err, &refused):
		return d, from, refused
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE), hungUp(err):
		return d, from, errors.New("the daemon that runs here answers only root")
	case err != nil:
		return d, from, fmt.Errorf("the daemon that runs here cannot be asked: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return d, from, fmt.Errorf("the daemon that runs here says: %s", line(strings.TrimSpace(string(why))))
	}
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(printable(text), &d)
	}
	if err != nil {
		return snapshot.Daemon{}, from, fmt.Errorf("the answer of the daemon that runs here cannot be read: %w", err)
	}
	return d, from, nil
}

// refusal is why one who is at the address is not asked.
type refusal struct{ error }

// dial reaches the process at an address, unless that can be no daemon.
func dial(ctx context.Context, address string) (conn net.Conn, from peercred.Peer, err error) {
	if conn, err = new(net.Dialer).DialContext(ctx, "unix", address); err != nil {
		return nil, from, err
	}
	if from, err = peercred.Of(conn); err == nil {
		err = from.Refuse()
	}
	if err != nil {
		_ = conn.Close() // nothing was said on it
		return nil, from, refusal{fmt.Errorf("what is at its address %s is none: %w", address, err)}
	}
	return conn, from, nil
}

// hungUp knows net/http's word for a connection that the other end closed
// before anything was asked; there is no value to compare with.
func hungUp(err error) bool {
	return err != nil && strings.Contains(err.Error(), "server closed idle connection")
}
