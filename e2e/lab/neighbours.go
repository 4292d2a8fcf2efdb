//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// hardware finds the address in what arping prints of each answer.
var hardware = regexp.MustCompile(`(?i)\b[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}\b`)

// WhoHas asks the segment that a link is on for an address, once, and returns
// the hardware addresses of all who answer within a second, sorted.
func (n *Namespace) WhoHas(link string, addr netip.Addr) (all []string, err error) {
	if addr.Is6() {
		all, err = n.solicit(link, addr)
	} else {
		all, err = n.arping(link, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("ask who has %s: %w", addr, err)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (n *Namespace) arping(link string, addr netip.Addr) (all []string, err error) {
	text, err := n.Run("arping", "-b", "-c", "1", "-I", link, addr.String())
	// It also fails when the number of answers is not one.
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || text == "") {
		return nil, err
	}
	return answerers(text), nil
}

// answerers reads what arping prints.
func answerers(text string) (all []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Unicast reply") {
			all = append(all, strings.ToLower(hardware.FindString(line)))
		}
	}
	return all
}

// solicit is in the place of ndisc6, which does not hear those who answer from
// their link-local address, as MetalLB's speaker does.
func (n *Namespace) solicit(link string, addr netip.Addr) (all []string, err error) {
	var c net.PacketConn
	err = n.Do(func() error {
		on, err := net.InterfaceByName(link)
		if err != nil {
			return err
		}
		if c, err = listenICMPv6(on); err != nil {
			return err
		}
		_, err = c.WriteTo(solicitation(addr, on.HardwareAddr), &net.IPAddr{IP: solicitedNode(addr), Zone: link})
		return err
	})
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return nil, err
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return nil, err
	}
	for packet := make([]byte, 1500); ; {
		size, _, err := c.ReadFrom(packet)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, advertised(packet[:size], addr)...)
	}
}

// Hardware is the hardware address of a link, as WhoHas writes it.
func (n *Namespace) Hardware(link string) (addr string, err error) {
	err = n.Do(func() error {
		l, err := netlink.LinkByName(link)
		if err != nil {
			return fmt.Errorf("find link %s of %s: %w", link, n.Name, err)
		}
		addr = l.Attrs().HardwareAddr.String()
		return nil
	})
	return addr, err
}
