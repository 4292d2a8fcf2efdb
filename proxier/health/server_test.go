package health

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

var errTaken = errors.New("address already in use")

// silent is a listener without clients.
type silent struct{ closed chan struct{} }

func (s silent) Accept() (net.Conn, error) { <-s.closed; return nil, net.ErrClosed }
func (s silent) Close() error              { close(s.closed); return nil }
func (s silent) Addr() net.Addr            { return &net.TCPAddr{} }

func TestListeningIsTriedAgainEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		var failures []error
		listening := 0
		s := Server{
			Addr:      "192.0.2.1:1",
			Failed:    func(err error) { failures = append(failures, err) },
			Listening: func() { listening++ },
		}
		listener := silent{make(chan struct{})}
		s.listen = func(string, string) (net.Listener, error) {
			tries = append(tries, time.Since(began))
			if len(tries) < 3 {
				return nil, errTaken
			}
			return listener, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(tries) != 3 || tries[0] != 0 || tries[1] != 5*time.Second || tries[2] != 10*time.Second {
			t.Errorf("tried at %v", tries)
		}
		if len(failures) != 2 || !errors.Is(failures[0], errTaken) {
			t.Errorf("told of %v", failures)
		}
		if listening != 1 {
			t.Errorf("told %d times that it listens", listening)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		<-listener.closed
	})
}

func TestTheEndDoesNotWaitForTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Server{listen: func(string, string) (net.Listener, error) { return nil, errTaken }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := s.Run(ctx); err != nil {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestHardFailGivesUpAtOnce(t *testing.T) {
	s := Server{HardFail: true, Failed: func(err error) { t.Errorf("told of %v", err) }}
	s.listen = func(string, string) (net.Listener, error) { return nil, errTaken }
	if err := s.Run(t.Context()); !errors.Is(err, errTaken) {
		t.Errorf("gave up with %v", err)
	}
}

func TestAWildcardAddressAnswersBothFamilies(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("missing kernel feature: IPv6 on the loopback: %v", err)
	}
	_ = l.Close()
	for _, wildcard := range []string{"0.0.0.0:0", "[::]:0"} {
		port := make(chan string, 1)
		s := Server{Addr: wildcard, HardFail: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "here")
		})}
		s.listen = func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err == nil {
				_, p, _ := net.SplitHostPort(l.Addr().String())
				port <- p
			}
			return l, err
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		p := <-port
		for _, host := range []string{"127.0.0.1", "::1"} {
			answer, err := http.Get("http://" + net.JoinHostPort(host, p))
			if err != nil {
				t.Errorf("listening on %s: %v", wildcard, err)
				continue
			}
			_ = answer.Body.Close()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}
