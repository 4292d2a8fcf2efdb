package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	retryPeriod = 5 * time.Second

	// headerLimit frees the connections of clients that never ask.
	headerLimit = 30 * time.Second
)

// Server answers on one address. A wildcard address, 0.0.0.0 or ::, stands for
// both IP families.
type Server struct {
	Addr    string // IP:port
	Handler http.Handler

	// HardFail gives up at the first failure instead of trying again.
	HardFail bool

	// Failed is told of each failure that is followed by another try; it may be
	// nil.
	Failed func(error)

	listen func(network, address string) (net.Listener, error) // nil: net.Listen
}

// Run answers until ctx ends, and listens anew 5 seconds after a failure. It
// errs only with HardFail.
func (s Server) Run(ctx context.Context) error {
	for {
		err := s.serve(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case s.HardFail:
			return err
		case s.Failed != nil:
			s.Failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryPeriod):
		}
	}
}

// serve always errs, if only because ctx has ended.
func (s Server) serve(ctx context.Context) error {
	listen := s.listen
	if listen == nil {
		listen = net.Listen
	}
	listener, err := listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Addr, err)
	}
	server := &http.Server{Handler: s.Handler, ReadHeaderTimeout: headerLimit}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	return fmt.Errorf("serve on %s: %w", s.Addr, server.Serve(listener))
}
