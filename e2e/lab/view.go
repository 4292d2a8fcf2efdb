//go:build linux

package lab

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// Run runs a tool inside the namespace and returns what it prints: the view of
// a person who looks. In an emulated machine each one costs about 50 ms.
func (n *Namespace) Run(name string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := n.Do(cmd.Run); err != nil {
		return out.String(), fmt.Errorf("run %s %s in %s: %w: %s",
			name, strings.Join(args, " "), n.Name, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.String(), nil
}

// IPVS is the namespace's table, sorted and without counters:
//
//	TCP 10.96.0.1:80 rr
//	  -> 10.244.1.1:8080 Masq 1
//
// It comes from ipvsadm, a witness that shares no code with us.
func (n *Namespace) IPVS() (string, error) {
	text, err := n.Run("ipvsadm", "-Ln")
	if err != nil {
		return "", err
	}
	return sortIPVS(text), nil
}

// sortIPVS makes text to compare out of `ipvsadm -Ln`.
func sortIPVS(text string) string {
	var servers [][]string
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) < 2 || words[0] == "IP" || words[0] == "Prot" || words[1] == "RemoteAddress:Port":
		case words[0] != "->":
			servers = append(servers, []string{strings.Join(words, " ")})
		case len(servers) > 0 && len(words) >= 4:
			last := &servers[len(servers)-1]
			*last = append(*last, "  "+strings.Join(words[:4], " "))
		}
	}
	var b strings.Builder
	for _, s := range servers {
		slices.Sort(s[1:])
	}
	slices.SortFunc(servers, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	for _, s := range servers {
		b.WriteString(strings.Join(s, "\n") + "\n")
	}
	return b.String()
}

// Addresses are those of a link, one a line, sorted. A link that is not there
// has none.
func (n *Namespace) Addresses(link string) (string, error) {
	var lines []string
	err := n.Do(func() error {
		l, err := netlink.LinkByName(link)
		var absent netlink.LinkNotFoundError
		if errors.As(err, &absent) {
			return nil
		}
		if err != nil {
			return err
		}
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		for _, a := range addrs {
			lines = append(lines, a.IPNet.String()+"\n")
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("list addresses of %s in %s: %w", link, n.Name, err)
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// Sets are the IP sets and their members in the words of `ipset save`, sorted.
func (n *Namespace) Sets() (string, error) {
	text, err := n.Run("ipset", "save", "-sorted")
	if err != nil {
		return "", err
	}
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// Rules are the rules of both families, without comments and counters.
func (n *Namespace) Rules() (string, error) {
	var b strings.Builder
	for _, tool := range []string{"iptables-save", "ip6tables-save"} {
		text, err := n.Run(tool)
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if strings.HasPrefix(line, ":") {
				line, _, _ = strings.Cut(line, " [")
				line = strings.TrimSuffix(line, "\n") + "\n"
			}
			b.WriteString(line)
		}
	}
	return b.String(), nil
}
