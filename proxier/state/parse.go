package state

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Keys and values of rows are text wherever they leave the process: MarshalText is
// String, and UnmarshalText reads that again.

// MarshalText is String.
func (v VirtualServer) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads "10.96.0.1:80/TCP". Without a protocol it is TCP.
func (v *VirtualServer) UnmarshalText(text []byte) (err error) {
	at, name, given := strings.Cut(string(text), "/")
	if v.Addr, err = parseAddrPort(at); err != nil {
		return err
	}
	if !given {
		v.Protocol = TCP
		return nil
	}
	for _, p := range []Protocol{TCP, UDP, SCTP} {
		if strings.EqualFold(name, p.String()) {
			v.Protocol = p
			return nil
		}
	}
	return fmt.Errorf("%q is not a protocol: TCP, UDP and SCTP are", name)
}

func parseAddrPort(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is not an address and port such as 10.96.0.1:80", text)
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// MarshalText is String.
func (b Balancing) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads "mh fallback,port affinity 3h0m0s".
func (b *Balancing) UnmarshalText(text []byte) error {
	how, affinity, given := strings.Cut(string(text), " affinity ")
	scheduler, flags, _ := strings.Cut(how, " ")
	read := Balancing{Scheduler: scheduler}
	var err error
	if given {
		read.Affinity, err = time.ParseDuration(affinity)
	}
	if flags != "" {
		for name := range strings.SplitSeq(flags, ",") {
			flag, unknown := parseFlag(name)
			read.Flags |= flag
			err = errors.Join(err, unknown)
		}
	}
	if err != nil || scheduler == "" || read.Affinity < 0 || read.Affinity%time.Second != 0 {
		return fmt.Errorf("%q is not a scheduler with flags and affinity, such as mh fallback,port affinity 3h0m0s", text)
	}
	*b = read
	return nil
}

func parseFlag(name string) (SchedulerFlags, error) {
	switch name {
	case "fallback":
		return Fallback, nil
	case "port":
		return HashPort, nil
	}
	n, err := strconv.ParseUint(name, 0, 32)
	return SchedulerFlags(n), err
}

// MarshalText is String.
func (r RealServer) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "10.96.0.1:80/TCP -> 10.1.2.3:8080".
func (r *RealServer) UnmarshalText(text []byte) (err error) {
	server, at, found := strings.Cut(string(text), " -> ")
	if !found {
		return fmt.Errorf("%q is not a virtual and a real server such as 10.96.0.1:80/TCP -> 10.1.2.3:8080", text)
	}
	if err := r.VirtualServer.UnmarshalText([]byte(server)); err != nil {
		return err
	}
	r.Addr, err = parseAddrPort(at)
	return err
}

// MarshalText is String.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads "weight 1".
func (w *Weight) UnmarshalText(text []byte) error {
	number, found := strings.CutPrefix(string(text), "weight ")
	n, err := strconv.Atoi(number)
	if !found || err != nil {
		return fmt.Errorf("%q is not a weight such as weight 1", text)
	}
	*w = Weight(n)
	return nil
}

// MarshalText is String.
func (m Member) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "KIPVS-SERVICES 10.96.0.1,tcp:80".
func (m *Member) UnmarshalText(text []byte) error {
	name, entry, _ := strings.Cut(string(text), " ")
	of, known := setsByName[name]
	if !known {
		return fmt.Errorf("%q is not a member of one of our sets", text)
	}
	e, err := ipset.ParseEntry(of.set.Type(), entry)
	if err == nil && e.Family() != of.family {
		err = fmt.Errorf("%s is not of the family of set %s", entry, name)
	}
	*m = of.set.Holding(e)
	return err
}

// setsByName are all sets by the kernel's names.
var setsByName = func() map[string]familySet {
	all := map[string]familySet{}
	for _, s := range Sets() {
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			all[s.Name(f)] = familySet{s, f}
		}
	}
	return all
}()

type familySet struct {
	set    Set
	family ipset.Family
}

// MarshalText is String.
func (r Ready) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "shop/cart 2 local".
func (r *Ready) UnmarshalText(text []byte) error {
	service, local, _ := strings.Cut(string(text), " ")
	number, ends := strings.CutSuffix(local, " local")
	namespace, name, named := strings.Cut(service, "/")
	n, err := strconv.Atoi(number)
	if !ends || !named || err != nil {
		return fmt.Errorf("%q does not name a Service and its endpoints here, such as shop/cart 2 local", text)
	}
	*r = Ready{Namespace: namespace, Name: name, Local: n}
	return nil
}
