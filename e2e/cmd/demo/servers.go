//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// servers are IPVS' virtual servers, each with its real ones that get traffic.
type servers map[netip.AddrPort][]netip.AddrPort

// readServers asks the kernel, without a program and without kube-ipvs.
func readServers(n *lab.Namespace) (s servers, err error) {
	var text []byte
	err = n.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/ip_vs")
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) { // no module, no file
		return nil, err
	}
	return parseServers(string(text))
}

// parseServers reads /proc/net/ip_vs, where addresses are hexadecimal.
func parseServers(text string) (servers, error) {
	s := servers{}
	var at netip.AddrPort
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		var err error
		switch words[0] {
		case "TCP", "UDP", "SCTP":
			if at, err = parseHex(words[1]); err == nil {
				s[at] = nil
			}
		case "FWM": // of a packet mark, for answers to the node: no Service's
			at = netip.AddrPort{}
		case "->":
			if !at.IsValid() || len(words) != 6 || words[3] == "0" || words[1] == "RemoteAddress:Port" {
				continue
			}
			var to netip.AddrPort
			if to, err = parseHex(words[1]); err == nil {
				s[at] = append(s[at], to)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
	}
	return s, nil
}

// parseHex reads 0A60000A:0050 and [fd00:0010:...:0010]:0050.
func parseHex(word string) (netip.AddrPort, error) {
	i := strings.LastIndex(word, ":")
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address and port", word)
	}
	port, err := strconv.ParseUint(word[i+1:], 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var addr netip.Addr
	if v6, ok := strings.CutPrefix(word[:i], "["); ok {
		addr, err = netip.ParseAddr(strings.TrimSuffix(v6, "]"))
	} else {
		var b []byte
		b, err = hex.DecodeString(word[:i])
		addr, _ = netip.AddrFromSlice(b)
	}
	if err != nil || !addr.IsValid() {
		return netip.AddrPort{}, fmt.Errorf("%q is no address and port: %w", word, err)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// lacks says in what the virtual servers are not those of the fronts; nil when
// they are.
func (s servers) lacks(fronts []front) error {
	for _, f := range fronts {
		have, want := slices.Clone(s[f.at]), slices.Clone(f.pods)
		slices.SortFunc(have, netip.AddrPort.Compare)
		slices.SortFunc(want, netip.AddrPort.Compare)
		if !slices.Equal(have, want) {
			return fmt.Errorf("IPVS has at %s (%s) %v, expected %v", f.at, f, have, want)
		}
	}
	if len(s) != len(fronts) {
		return fmt.Errorf("IPVS has %d virtual servers, expected %d", len(s), len(fronts))
	}
	return nil
}

// explained is the IPv4 half of what ipvsadm prints, with the Services and Pods
// beside the addresses, and how many virtual and real servers the other half
// has.
func explained(ipvsadm string, fronts []front, names map[netip.Addr]string) (half string, virtual, behind int) {
	what := map[string]string{}
	for _, f := range fronts {
		what[f.at.String()] = f.String()
		for _, p := range f.pods {
			what[p.String()] = names[p.Addr()]
		}
	}
	var b bytes.Buffer
	for line := range strings.Lines(ipvsadm) {
		line = strings.TrimRight(line, " \n")
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && strings.HasPrefix(words[1], "["):
			if words[0] == "->" {
				behind++
			} else {
				virtual++
			}
		case len(words) > 1 && what[words[1]] != "":
			fmt.Fprintf(&b, "%-*s%s\n", explainAt, line, what[words[1]])
		default:
			b.WriteString(line + "\n")
		}
	}
	return b.String(), virtual, behind
}

// explainAt is the column of the words beside what ipvsadm prints.
const explainAt = 74
