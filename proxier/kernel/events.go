package kernel

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

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

// Changed tells that there is something to take from TakeChanged.
func (e *events) Changed() <-chan struct{} { return e.wake }

// TakeChanged says what the kernel has told since the last time. Changes of our
// own are among it: whoever asks knows what it has done.
func (e *events) TakeChanged() state.Changed {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.now
	e.now = state.Changed{}
	return t
}

// watch subscribes to the kernel's own messages about links, addresses and
// rules of nftables. It tells nothing of rules of the legacy backend, of sets
// and of IPVS.
func (k *Kernel) watch() error {
	if err := k.WatchDevice(k.note); err != nil {
		return err
	}
	if !k.beside.tables[ipset.IPv4].nft {
		return nil // subscribing would load nf_tables
	}
	s, err := wire.Subscribe(unix.NETLINK_NETFILTER, k.rulesEvent, func() { k.note(func(t *state.Changed) { t.Rules = true }) }, unix.NFNLGRP_NFTABLES)
	if err != nil {
		return fmt.Errorf("subscribe to rules: %w", wire.Translate(err, nil))
	}
	k.subscriptions = append(k.subscriptions, s)
	return nil
}

// rulesEvent looks at one message about nftables, iptables-nft among them.
func (k *Kernel) rulesEvent(kind uint16, body []byte) {
	if concernsRules(kind, body) {
		k.note(func(t *state.Changed) { t.Rules = true })
	}
}
