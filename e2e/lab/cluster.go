//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// segment is the bridge that everything outside the nodes hangs on.
type segment struct {
	*Namespace
	bridge int // its link index
}

func (l *Lab) newSegment() (*segment, error) {
	n, err := l.namespace("segment")
	if err != nil {
		return nil, err
	}
	s := &segment{Namespace: n}
	err = n.Do(func() error {
		// Snooping would hold back neighbour discovery where no router queries.
		snoop := false
		b := &netlink.Bridge{
			LinkAttrs:         netlink.LinkAttrs{Name: "br0", Flags: net.FlagUp, TxQLen: -1},
			MulticastSnooping: &snoop,
		}
		if err := netlink.LinkAdd(b); err != nil {
			return fmt.Errorf("make bridge br0: %w", err)
		}
		s.bridge = b.Attrs().Index
		return nil
	})
	return s, err
}

// plug makes a namespace whose eth0 hangs on the segment, with the host
// number in both networks as its addresses.
func (l *Lab) plug(s *segment, name string, number byte) (*Namespace, error) {
	n, err := l.namespace(name)
	if err != nil {
		return nil, err
	}
	if err := wire(s.Namespace, name, s.bridge, n); err != nil {
		return nil, err
	}
	return n, errors.Join(
		n.address("eth0", netip.PrefixFrom(segment4(number), 24)),
		n.address("eth0", netip.PrefixFrom(segment6(number), 64)))
}

func segment4(number byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, number}) }

// segment6 shows the decimal digits of number: 100 is 2001:db8:0:2::100.
func segment6(number byte) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:2::%d", number))
}

// addHost makes the next node, still without Pods, and tells it and those that
// are there the way to each other's.
func (l *Lab) addHost(s *segment, i int, forwarded []setting) error {
	number, name := byte(i+1), "node"
	if i > 0 {
		name = fmt.Sprintf("node%d", number)
	}
	n, err := l.plug(s, name, number)
	if err != nil {
		return err
	}
	h := &Host{
		Namespace: n,
		IPv4:      segment4(number),
		IPv6:      segment6(number),
		PodRange4: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, number, 0}), 24),
		PodRange6: netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", number)),
	}
	// The first outside client stands for the upstream router: it drops what it
	// cannot place, while a node without a default route would refuse it at once.
	errs := []error{n.set(forwarded), n.route(
		way{to: default4, link: "eth0", via: segment4(firstOutsider)},
		way{to: default6, link: "eth0", via: segment6(firstOutsider)})}
	for _, other := range l.Nodes {
		errs = append(errs, join(h, other))
	}
	l.Nodes = append(l.Nodes, h)
	return errors.Join(errs...)
}

const firstOutsider = 100

// addOutsider makes a client that reaches Services through node.
func (l *Lab) addOutsider(s *segment, i int) error {
	name := "outside"
	if i > 0 {
		name = fmt.Sprintf("outside%d", i+1)
	}
	n, err := l.plug(s, name, firstOutsider+byte(i))
	if err != nil {
		return err
	}
	if i == 0 {
		l.Outside = n
	}
	return n.route(
		way{to: ClusterRange4, link: "eth0", via: l.Node.IPv4},
		way{to: ExternalRange4, link: "eth0", via: l.Node.IPv4},
		way{to: ClusterRange6, link: "eth0", via: l.Node.IPv6},
		way{to: ExternalRange6, link: "eth0", via: l.Node.IPv6})
}

// join tells two nodes the way to each other's Pods.
func join(a, b *Host) error {
	return errors.Join(
		a.route(
			way{to: b.PodRange4, link: "eth0", via: b.IPv4},
			way{to: b.PodRange6, link: "eth0", via: b.IPv6}),
		b.route(
			way{to: a.PodRange4, link: "eth0", via: a.IPv4},
			way{to: a.PodRange6, link: "eth0", via: a.IPv6}))
}

// addPod makes a Pod of h and starts its server.
func (l *Lab) addPod(h *Host, letter string, number int) error {
	name := fmt.Sprintf("%s%d", letter, number)
	n, err := l.namespace(name)
	if err != nil {
		return err
	}
	v4 := h.PodRange4.Addr().As4()
	v4[3] = byte(number)
	v6, err := netip.ParseAddr(fmt.Sprintf("%s%d", h.PodRange6.Addr(), number))
	if err != nil {
		return fmt.Errorf("address of Pod %s: %w", name, err)
	}
	p := &Pod{Namespace: n, IPv4: netip.AddrFrom4(v4), IPv6: v6, Server: NewServer(name)}
	h.Pods = append(h.Pods, p)
	if err := h.connect(p); err != nil {
		return err
	}
	return p.Serve(Port)
}

// connect lays the veth pair of a Pod. The node's side has no address that
// anything could take for a source, so the node speaks as itself.
func (h *Host) connect(p *Pod) error {
	link := "veth" + p.Name
	if err := wire(h.Namespace, link, 0, p.Namespace); err != nil {
		return err
	}
	pod4, pod6 := netip.PrefixFrom(p.IPv4, 32), netip.PrefixFrom(p.IPv6, 128)
	err := errors.Join(
		h.address(link, netip.PrefixFrom(gateway4, 32)),
		h.address(link, netip.PrefixFrom(gateway6, 64)),
		p.address("eth0", pod4),
		p.address("eth0", pod6))
	if err != nil {
		return err
	}
	return errors.Join(
		h.route(
			way{to: pod4, link: link, src: h.IPv4},
			way{to: pod6, link: link, src: h.IPv6}),
		p.route(
			way{to: netip.PrefixFrom(gateway4, 32), link: "eth0"},
			way{to: default4, link: "eth0", via: gateway4},
			way{to: default6, link: "eth0", via: gateway6}))
}

// Serve lets the Pod's server listen on one more port of its addresses, in
// every protocol that this kernel has.
func (p *Pod) Serve(port uint16) error {
	for _, protocol := range Protocols() {
		for _, addr := range []netip.Addr{p.IPv4, p.IPv6} {
			if err := p.Server.Listen(p.Namespace, protocol, netip.AddrPortFrom(addr, port)); err != nil {
				return err
			}
		}
	}
	return nil
}
