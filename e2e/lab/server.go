//go:build linux

package lab

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// Server answers each line (TCP, SCTP) or datagram (UDP) with its own name,
// the address of the client as it sees it, and the text of the question:
//
//	p1 192.0.2.100 hello
type Server struct {
	name string

	mu   sync.Mutex
	open map[io.Closer]bool
	work sync.WaitGroup
}

// NewServer makes a server that does not listen yet.
func NewServer(name string) *Server {
	return &Server{name: name, open: map[io.Closer]bool{}}
}

// Listen opens a socket inside a namespace and answers there from now on.
func (s *Server) Listen(in *Namespace, protocol corev1.Protocol, at netip.AddrPort) error {
	if protocol == UDP {
		c, err := in.ListenUDP(at)
		if err != nil {
			return err
		}
		s.serve(c, func() { s.datagrams(c) })
		return nil
	}
	l, err := in.Listen(protocol, at)
	if err != nil {
		return err
	}
	s.serve(l, func() { s.accept(l) })
	return nil
}

// Close ends all listeners and connections and waits for them. The server may
// listen again afterwards.
func (s *Server) Close() error {
	s.mu.Lock()
	var errs []error
	for c := range s.open {
		errs = append(errs, c.Close())
	}
	clear(s.open)
	s.mu.Unlock()
	s.work.Wait()
	return errors.Join(errs...)
}

// Deafen ends the listeners and UDP sockets, and leaves connections alone: what
// a well-behaved process does on SIGTERM.
func (s *Server) Deafen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for c := range s.open {
		if _, talking := c.(*net.TCPConn); talking {
			continue
		}
		errs = append(errs, c.Close())
		delete(s.open, c)
	}
	return errors.Join(errs...)
}

// serve runs work, which ends when c is closed.
func (s *Server) serve(c io.Closer, work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = true
	s.work.Go(func() {
		work()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[c] {
			delete(s.open, c)
			c.Close()
		}
	})
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client went away while it waited
		}
		s.mu.Lock()
		listening := s.open[l]
		s.mu.Unlock()
		if !listening {
			c.Close()
			return
		}
		s.serve(c, func() { s.lines(c) })
	}
}

func (s *Server) lines(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := c.Write(s.answer(c.RemoteAddr(), line)); err != nil {
			return
		}
	}
}

func (s *Server) datagrams(c *net.UDPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error about an earlier answer
		}
		// A client that is gone tells by the next read.
		_, _ = c.WriteToUDPAddrPort(s.answer(net.UDPAddrFromAddrPort(from), string(buf[:n])), from)
	}
}

func (s *Server) answer(client net.Addr, question string) []byte {
	addr := "?"
	if a, ok := client.(interface{ AddrPort() netip.AddrPort }); ok {
		addr = a.AddrPort().Addr().Unmap().String()
	}
	words := []string{s.name, addr}
	if q := strings.TrimSpace(question); q != "" {
		words = append(words, q)
	}
	return []byte(strings.Join(words, " ") + "\n")
}
