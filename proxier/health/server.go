package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const retryPeriod = 5 * time.Second

// Server answers on one address, few clients at a time. A wildcard address, 0.0.0.0 or ::, stands for
// both IP families.
type Server struct {
	Addr    string // IP:port
	Handler http.Handler

	// HardFail gives up at the first failure instead of trying again.
	HardFail bool

	// Failed is told of each failure that is followed by another try; it may be
	// nil.
	Failed func(error)

	// Listening is told of each time that the address could be had; it may be
	// nil.
	Listening func()

	listen func(network, address string) (net.Listener, error) // nil: net.Listen
}

// Run answers until ctx ends, and listens anew 5 seconds after a failure. It
// errs only with HardFail.
func (s Server) Run(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		if err := s.serve(ctx); ctx.Err() == nil {
			if s.HardFail {
				return err
			}
			if s.Failed != nil {
				s.Failed(err)
			}
		}
		again.Reset(retryPeriod)
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
	if s.Listening != nil {
		s.Listening()
	}
	server := newBound(mostConnections).server(s.Handler)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	return fmt.Errorf("serve on %s: %w", s.Addr, server.Serve(listener))
}
