package door

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

	"github.com/kube-ipvs/kube-ipvs/proxier/peer"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Address of the door in the node's network namespace.
const Address = "@kube-ipvs"

// ErrNobody says that no daemon runs in this network namespace.
var ErrNobody = errors.New("no daemon answers in this network namespace")

// answerLimit ends a question that the daemon does not come round to.
const answerLimit = 10 * time.Second

// Answer takes a snapshot.
type Answer func(context.Context, snapshot.Question) (snapshot.Daemon, error)

// again is how long after a failure the door is opened anew.
const again = 5 * time.Second

// Serve answers at an address until ctx ends. Only
// root, and the user that the daemon runs as, find the door open. Failed is told of each failure, which is followed by another
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
		return fmt.Errorf("open the door %s: %w", address, err)
	}
	server := &http.Server{Handler: handler(answer), ReadHeaderTimeout: answerLimit}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	return fmt.Errorf("serve at the door %s: %w", address, server.Serve(guarded{l}))
}

// guarded hangs up on those who are not admitted.
type guarded struct{ net.Listener }

func (l guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if peer.Admitted(conn) {
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

// Ask puts q to the daemon at an address. Without a daemon the error is
// ErrNobody.
func Ask(ctx context.Context, address string, q snapshot.Question) (d snapshot.Daemon, err error) {
	client := http.Client{Timeout: 2 * answerLimit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", address)
		},
	}}
	ask := &url.URL{Scheme: "http", Host: "daemon", Path: "/snapshot", RawQuery: url.Values{"services": {q.Services}}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ask.String(), http.NoBody)
	if err != nil {
		return d, err
	}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return d, ErrNobody
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE), hungUp(err):
		return d, errors.New("ask the daemon: it answers only root")
	case err != nil:
		return d, fmt.Errorf("ask the daemon: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return d, fmt.Errorf("ask the daemon: %s", strings.TrimSpace(string(why)))
	}
	if err := json.NewDecoder(response.Body).Decode(&d); err != nil {
		return d, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return d, nil
}

// hungUp knows net/http's word for a connection that the other end closed
// before anything was asked; there is no value to compare with.
func hungUp(err error) bool {
	return err != nil && strings.Contains(err.Error(), "server closed idle connection")
}
