//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
)

// Port is where the server of every Pod listens, in every protocol.
const Port = 8080

// Options say how large the cluster is. The zero value is two nodes with three
// local Pods and two remote ones, and one client outside.
type Options struct {
	Nodes            int            // 0 means 2; at most 4: node, node2, node3, node4
	Pods, RemotePods int            // of node and of each other node; 0 means 3 and 2; at most 200
	Outsiders        int            // clients on the segment: outside, outside2, …; 0 means 1; at most 50
	NodeAddrs        []netip.Prefix // further addresses of node's eth0
	// ServedIPv6 leaves it to the proxy of node that it forwards packets of IPv6,
	// which its Pods need as well. Other nodes have no proxy.
	ServedIPv6 bool
	// ShowAs makes the namespaces visible to `ip netns` under this prefix.
	// Names that are shown outlive a process that dies without Close.
	ShowAs string
}

// PodRanges are the networks of the Pods of all nodes, one of each family.
const PodRanges = "10.244.0.0/16,fd00:10:244::/56"

// Lab is the cluster.
type Lab struct {
	Nodes       []*Host
	Node, Node2 *Host // the first two
	Outside     *Namespace

	all  map[string]*Namespace
	show string // Options.ShowAs
}

// Host is a node with its Pods.
type Host struct {
	*Namespace
	IPv4, IPv6           netip.Addr
	PodRange4, PodRange6 netip.Prefix
	Pods                 []*Pod
}

// Pod is a namespace with one address of each family and a server on Port.
type Pod struct {
	*Namespace
	IPv4, IPv6 netip.Addr
	Server     *Server
}

// The addresses that Services may have, as the outside clients' routes see it.
var (
	ClusterRange4  = netip.MustParsePrefix("10.96.0.0/16")
	ClusterRange6  = netip.MustParsePrefix("fd00:10:96::/108")
	ExternalRange4 = netip.MustParsePrefix("198.51.100.0/24")
	ExternalRange6 = netip.MustParsePrefix("2001:db8:51::/64")
)

var (
	default4 = netip.MustParsePrefix("0.0.0.0/0")
	default6 = netip.MustParsePrefix("::/0")
	// Every Pod's next hop is its node under these addresses, which are the
	// same on each link.
	gateway4 = netip.MustParseAddr("169.254.1.1")
	gateway6 = netip.MustParseAddr("fe80::1")
)

// New builds the cluster, with the servers running. The caller must be root.
func New(o Options) (*Lab, error) {
	o.Nodes = orDefault(o.Nodes, 2)
	o.Pods = orDefault(o.Pods, 3)
	o.RemotePods = orDefault(o.RemotePods, 2)
	o.Outsiders = orDefault(o.Outsiders, 1)
	l := &Lab{all: map[string]*Namespace{}, show: o.ShowAs}
	if err := l.build(o); err != nil {
		return nil, errors.Join(fmt.Errorf("build the lab: %w", err), l.Close())
	}
	return l, nil
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

func (l *Lab) build(o Options) error {
	s, err := l.newSegment()
	if err != nil {
		return err
	}
	for i := range o.Nodes {
		forwarded := routing
		if i == 0 && o.ServedIPv6 {
			forwarded = routing[:1]
		}
		if err := l.addHost(s, i, forwarded); err != nil {
			return err
		}
	}
	l.Node, l.Node2 = l.Nodes[0], l.Nodes[1]
	for _, p := range o.NodeAddrs {
		if err := l.Node.address("eth0", p); err != nil {
			return err
		}
	}
	for i := range o.Outsiders {
		if err := l.addOutsider(s, i); err != nil {
			return err
		}
	}
	for i, h := range l.Nodes {
		pods := o.RemotePods
		if h == l.Node {
			pods = o.Pods
		}
		for k := range pods {
			if err := l.addPod(h, podLetters[i:i+1], k+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// podLetters begin the names of the Pods of each node.
const podLetters = "prst"

// Namespace is the one of that name ("node", "p1", "outside", …), or nil.
func (l *Lab) Namespace(name string) *Namespace { return l.all[name] }

// Pod is the one of that name ("p1", "r2", …), or nil.
func (l *Lab) Pod(name string) *Pod {
	for _, p := range l.pods() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func (l *Lab) pods() []*Pod {
	var pods []*Pod
	for _, h := range l.Nodes {
		pods = append(pods, h.Pods...)
	}
	return pods
}

// Close ends the servers and lets go of the namespaces. Processes, relays and
// connections belong to those who started them, and keep their namespace
// alive until they end.
func (l *Lab) Close() error {
	var errs []error
	for _, p := range l.pods() {
		errs = append(errs, p.Server.Close())
	}
	for _, n := range l.all {
		errs = append(errs, n.close())
	}
	return errors.Join(errs...)
}

// namespace makes one that belongs to the lab.
func (l *Lab) namespace(name string) (*Namespace, error) {
	n, err := newNamespace(name)
	if err != nil {
		return nil, err
	}
	l.all[name] = n
	if l.show == "" {
		return n, nil
	}
	return n, n.show(l.show)
}
