//go:build linux

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The ways in which a question fails. Anything else comes as it is.
var (
	ErrRefused = errors.New("refused")
	ErrTimeout = errors.New("timed out")
	ErrBroken  = errors.New("connection broken")
)

// Answer says who answered and whom it took for the client.
type Answer struct {
	Pod    string
	Client netip.Addr
}

// String is "p1 192.0.2.100", as the servers say it.
func (a Answer) String() string { return a.Pod + " " + a.Client.String() }

// Ask opens a connection, asks one question and closes the connection, all
// within timeout.
func Ask(from *Namespace, protocol corev1.Protocol, to netip.AddrPort, timeout time.Duration) (Answer, error) {
	h, err := Hold(from, protocol, to, timeout)
	if err != nil {
		return Answer{}, err
	}
	defer h.Close()
	return h.ping(h.opened.Add(timeout))
}

// Held is a connection, or for UDP a socket, that lives until Close. It serves
// one goroutine.
type Held struct {
	conn    net.Conn
	in      *bufio.Reader
	timeout time.Duration
	opened  time.Time
	asked   int
	deed    string
}

// Hold opens a connection that is to be held. Timeout is for opening it and
// for each Ping. With UDP nothing is sent before the first Ping.
func Hold(from *Namespace, protocol corev1.Protocol, to netip.AddrPort, timeout time.Duration) (*Held, error) {
	h := &Held{timeout: timeout, opened: time.Now(), deed: fmt.Sprintf("ask %s/%s from %s", to, protocol, from.Name)}
	c, err := from.dial(protocol, to, h.opened.Add(timeout))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.deed, err)
	}
	h.conn, h.in = c, bufio.NewReader(c)
	return h, nil
}

// Local is the client's own address and port.
func (h *Held) Local() netip.AddrPort {
	return h.conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
}

// Ping asks once more over the same connection.
func (h *Held) Ping() (Answer, error) { return h.ping(time.Now().Add(h.timeout)) }

// Close ends the connection.
func (h *Held) Close() error { return h.conn.Close() }

// ping numbers its question, so that the late answer to an earlier one is not
// taken for this one's.
func (h *Held) ping(deadline time.Time) (Answer, error) {
	h.asked++
	number := strconv.Itoa(h.asked)
	answer, err := h.exchange(number, deadline)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", h.deed, named(err))
	}
	return answer, nil
}

func (h *Held) exchange(number string, deadline time.Time) (Answer, error) {
	if err := h.conn.SetDeadline(deadline); err != nil {
		return Answer{}, err
	}
	if _, err := io.WriteString(h.conn, number+"\n"); err != nil {
		return Answer{}, err
	}
	for {
		line, err := h.in.ReadString('\n')
		if err != nil {
			return Answer{}, err
		}
		answer, echo, err := parse(line)
		if err != nil || echo == number {
			return answer, err
		}
	}
}

// parse reads "p1 192.0.2.100 echo".
func parse(line string) (a Answer, echo string, err error) {
	words := strings.SplitN(strings.TrimSpace(line), " ", 3)
	if len(words) < 2 || words[0] == "" {
		return Answer{}, "", fmt.Errorf("not an answer: %q", line)
	}
	client, err := netip.ParseAddr(words[1])
	if err != nil {
		return Answer{}, "", fmt.Errorf("not an answer: %q: %w", line, err)
	}
	if len(words) == 3 {
		echo = words[2]
	}
	return Answer{Pod: words[0], Client: client}, echo, nil
}

// named puts one of our errors in front of what the kernel says.
func named(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED),
		errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return err
}

// reason is err without addresses and ports, so that failures can be counted.
func reason(err error) string {
	for _, e := range []error{ErrRefused, ErrTimeout, ErrBroken} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
