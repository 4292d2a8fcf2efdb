//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// hardware finds the address in what both programs print of each answer.
var hardware = regexp.MustCompile(`(?i)\b[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}\b`)

// WhoHas asks the segment that a link is on for an address, once, and returns
// the hardware addresses of all who answer, sorted. It comes from arping and
// ndisc6.
func (n *Namespace) WhoHas(link string, addr netip.Addr) ([]string, error) {
	command := []string{"arping", "-b", "-c", "1", "-I", link, addr.String()}
	if addr.Is6() {
		command = []string{"ndisc6", "-m", "-r", "1", "-w", "1000", addr.String(), link}
	}
	text, err := n.Run(command[0], command[1:]...)
	// Both programs also fail when the number of answers is not one.
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || text == "") {
		return nil, fmt.Errorf("ask who has %s: %w", addr, err)
	}
	return answerers(text), nil
}

// answerers reads what arping and ndisc6 print.
func answerers(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Unicast reply") || strings.HasPrefix(line, "Target link-layer address") {
			all = append(all, strings.ToLower(hardware.FindString(line)))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
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
