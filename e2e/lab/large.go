//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Echo sends a question of so many bytes, with UDP in one datagram, and wants
// all of it back within timeout.
func Echo(from *Namespace, protocol corev1.Protocol, to netip.AddrPort, size int, timeout time.Duration) error {
	h, err := Hold(from, protocol, to, timeout)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.echo(size); err != nil {
		return fmt.Errorf("%s with %d bytes: %w", h.deed, size, named(err))
	}
	return nil
}

func (h *Held) echo(size int) error {
	if err := h.conn.SetDeadline(h.opened.Add(h.timeout)); err != nil {
		return err
	}
	question := append(bytes.Repeat([]byte("x"), size-1), '\n')
	if _, err := h.conn.Write(question); err != nil {
		return err
	}
	answer := make([]byte, 2*size+1024)
	for n := 0; ; {
		more, err := h.conn.Read(answer[n:])
		if n += more; bytes.HasSuffix(answer[:n], question) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == len(answer) {
			return io.ErrShortBuffer
		}
	}
}
