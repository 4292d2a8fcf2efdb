package kernel

import (
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// maxAddressEvents bounds what is remembered of single addresses. Beyond it all
// of them are to be read, which is cheaper then.
const maxAddressEvents = 1 << 14

// events gathers what the kernel tells until somebody takes it.
type events struct {
	mu   sync.Mutex
	now  state.Changed
	wake chan struct{}
}

func newEvents() *events { return &events{wake: make(chan struct{}, 1)} }

func (e *events) note(change func(*state.Changed)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.now)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *events) take() state.Changed {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.now
	e.now = state.Changed{}
	return t
}

// Changed tells that there is something to take from TakeChanged.
func (k *Kernel) Changed() <-chan struct{} { return k.events.wake }

// TakeChanged says what the kernel has told since the last time. Changes of our
// own are among it: whoever asks knows what it has done.
func (k *Kernel) TakeChanged() state.Changed { return k.events.take() }

// watch subscribes to the kernel's own messages about links, addresses and
// rules of nftables. It tells nothing of rules of the legacy backend, of sets
// and of IPVS.
func (k *Kernel) watch() error {
	err := k.subscribe(unix.NETLINK_ROUTE, k.routeEvent, func(t *state.Changed) { t.NodeAddresses, t.Device = true, true },
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("subscribe to links and addresses: %w", wire.Translate(err, nil))
	}
	if !k.beside.tables[ipset.IPv4].nft {
		return nil // subscribing would load nf_tables
	}
	err = k.subscribe(unix.NETLINK_NETFILTER, k.rulesEvent, func(t *state.Changed) { t.Rules = true }, unix.NFNLGRP_NFTABLES)
	if err != nil {
		return fmt.Errorf("subscribe to rules: %w", wire.Translate(err, nil))
	}
	return nil
}

func (k *Kernel) subscribe(protocol int, take func(kind uint16, body []byte), lost func(*state.Changed), groups ...uint) error {
	s, err := wire.Subscribe(protocol, take, func() { k.events.note(lost) }, groups...)
	if err == nil {
		k.subscriptions = append(k.subscriptions, s)
	}
	return err
}

// routeEvent looks at one message about a link or an address.
func (k *Kernel) routeEvent(kind uint16, body []byte) {
	ours := int(k.deviceIndex.Load())
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, err := parseLink(body)
		named := l.name == Device
		known := l.index == ours
		if err == nil && (named != known || named && kind == unix.RTM_DELLINK) {
			k.events.note(func(t *state.Changed) { t.Device = true })
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, err := parseAddress(body)
		switch {
		case err != nil:
		case a.link != ours && !reachable(a.addr): // each veth of a Pod gets one
		case a.link != ours:
			k.events.note(func(t *state.Changed) { t.NodeAddresses = true })
		case !a.addr.IsLinkLocalUnicast():
			k.events.note(func(t *state.Changed) { touchAddress(t, a.addr, kind == unix.RTM_NEWADDR) })
		}
	}
}

func touchAddress(t *state.Changed, a netip.Addr, there bool) {
	if t.Addresses == nil {
		t.Addresses = map[netip.Addr]bool{}
	}
	t.Addresses[a] = there
	if len(t.Addresses) > maxAddressEvents {
		t.Device, t.Addresses = true, nil
	}
}

// rulesEvent looks at one message about nftables, iptables-nft among them.
func (k *Kernel) rulesEvent(kind uint16, body []byte) {
	if concernsRules(kind, body) {
		k.events.note(func(t *state.Changed) { t.Rules = true })
	}
}
