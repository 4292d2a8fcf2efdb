package netfilter

import (
	"fmt"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Watch calls changed whenever the kernel tells of a change that may concern our
// rules, or has lost what it had to tell.
func Watch(changed func()) (*wire.Subscription, error) {
	s, err := wire.Subscribe(unix.NETLINK_NETFILTER, func(kind uint16, body []byte) {
		if concernsRules(kind, body) {
			changed()
		}
	}, changed, unix.NFNLGRP_NFTABLES)
	if err != nil {
		return nil, fmt.Errorf("subscribe to rules: %w", wire.Translate(err, nil))
	}
	return s, nil
}

// concernsRules tells whether a message of nftables is about a chain of ours, a
// built-in chain, or a table that has gone, in the families of iptables.
// Others' chains change with every Pod on some nodes.
func concernsRules(kind uint16, body []byte) bool {
	if kind>>8 != unix.NFNL_SUBSYS_NFTABLES || len(body) < nl.SizeofNfgenmsg {
		return false
	}
	if _, known := families[body[0]]; !known {
		return false
	}
	var name uint16 = unix.NFTA_RULE_CHAIN
	switch kind & 0xff {
	case unix.NFT_MSG_DELTABLE:
		return true
	case unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN:
		name = unix.NFTA_CHAIN_NAME
	case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
	default:
		return false
	}
	concerned := false
	err := wire.EachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) error {
		if kind == name {
			concerned = ofInterest(wire.Text(v))
		}
		return nil
	})
	return concerned || err != nil
}

func ofInterest(chain string) bool {
	return xtables.Place{Chain: chain}.BuiltIn() || strings.HasPrefix(chain, state.Prefix4) || strings.HasPrefix(chain, state.Prefix6)
}
