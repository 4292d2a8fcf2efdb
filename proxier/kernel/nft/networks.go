package nft

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// networkSet is a set of networks and the list beside it.
type networkSet struct {
	set     state.Set
	family  ipset.Family
	matched map[element]bool // what packets are compared with
	listed  map[ipset.Entry]bool
	strange map[element]bool // of the list: what can be no member
}

func (m members) readNetworks(s state.Set, f ipset.Family) (n networkSet, err error) {
	n = networkSet{set: s, family: f, listed: map[ipset.Entry]bool{}, strange: map[element]bool{}}
	if n.matched, err = ours(f).elements(m.conn, s.Name(f)); err != nil {
		return n, err
	}
	listed, err := ours(f).elements(m.conn, listName(s, f))
	for e := range listed {
		if member, ok := n.readListed(e); ok {
			n.listed[member] = true
		} else {
			n.strange[e] = true
		}
	}
	return n, err
}

// readListed reads the key of a list: the network by its first and last address.
func (n networkSet) readListed(e element) (ipset.Entry, bool) {
	length := int(addressLength(n.family))
	if len(e.key) < 2*length {
		return ipset.Entry{}, false
	}
	before, end := []byte(e.key[:len(e.key)-length]), []byte(e.key[len(e.key)-length:])
	if n.set.Type() == ipset.HashNet {
		before, end = append(before, 0, 0, 0, 0), append(end, 0xff, 0, 0, 0)
	} else {
		end = append(slices.Clone(before[:len(before)-length]), end...)
	}
	return entry(n.set.Type(), n.family, before, end)
}

func listKey(e ipset.Entry) string {
	if e.Type() == ipset.HashNet {
		return string(append(e.Net().Addr().AsSlice(), last(e.Net()).AsSlice()...))
	}
	return string(append(key(e), last(e.Net()).AsSlice()...))
}

// held are the members that are listed and that packets are compared with,
// themselves or a network around them; and what packets are compared with and is
// not listed, so that it can be deleted.
func (n networkSet) held() (all []ipset.Entry) {
	for e := range n.listed {
		if n.covered(e) {
			all = append(all, e)
		}
	}
	for m := range n.matched {
		if e, ok := entry(n.set.Type(), n.family, []byte(m.key), []byte(m.end)); ok && !n.listed[e] {
			all = append(all, e)
		}
	}
	return all
}

// matches is what the set has of a member that lies in no other.
func matchedBy(e ipset.Entry) element { return element{string(key(e)), string(keyEnd(e))} }

// covered tells whether the set has the network or one around it.
func (n networkSet) covered(e ipset.Entry) bool {
	for around := range wider(e) {
		if n.matched[matchedBy(around)] {
			return true
		}
	}
	return false
}

// wider are the member itself and all of the same address and port whose network
// is around its own.
func wider(e ipset.Entry) func(func(ipset.Entry) bool) {
	return func(yield func(ipset.Entry) bool) {
		for bits := e.Net().Bits(); bits >= 0; bits-- {
			net := netip.PrefixFrom(e.Net().Addr(), bits).Masked()
			around := ipset.Net(net)
			if e.Type() == ipset.HashIPPortNet {
				around = ipset.IPPortNet(netip.AddrPortFrom(e.Addr(), e.Port()), e.Protocol(), net)
			}
			if !yield(around) {
				return
			}
		}
	}
}

// wanted is what packets have to be compared with: the members that lie in no
// other.
func wanted(members map[ipset.Entry]bool) map[element]bool {
	all := map[element]bool{}
	for e := range members {
		inside := false
		for around := range wider(e) {
			inside = inside || around != e && members[around]
		}
		if !inside {
			all[matchedBy(e)] = true
		}
	}
	return all
}

// applyNetworks changes both sets in one transaction.
func (m members) applyNetworks(s state.Set, f ipset.Family, run []op) []error {
	n, err := m.readNetworks(s, f)
	if err != nil {
		return slices.Repeat([]error{fmt.Errorf("read %s: %w", s.Name(f), err)}, len(run))
	}
	now := map[ipset.Entry]bool{}
	for e := range n.listed {
		now[e] = true
	}
	for _, o := range run {
		if o.Verb == reconcile.Delete {
			delete(now, o.Key.Entry)
		} else {
			now[o.Key.Entry] = true
		}
	}
	had, has := n.strange, map[element]bool{}
	for e := range n.listed {
		had[element{key: listKey(e)}] = true
	}
	for e := range now {
		has[element{key: listKey(e)}] = true
	}
	requests := append(difference(f, s.Name(f), n.matched, wanted(now)), difference(f, listName(s, f), had, has)...)
	if len(requests) == 0 {
		return make([]error, len(run))
	}
	var refused error
	for _, err := range m.conn.Transact(unix.NFNL_SUBSYS_NFTABLES, requests) {
		if refused == nil {
			refused = err
		}
	}
	return slices.Repeat([]error{wire.Translate(refused, noSet)}, len(run))
}

// difference is what brings a set from what it has to what it should have.
// Deletions come first: an element that lies in another cannot be added beside it.
func difference(f ipset.Family, set string, had, has map[element]bool) (requests []wire.Request) {
	for _, d := range []struct {
		message   uint16
		some, not map[element]bool
	}{{unix.NFT_MSG_DELSETELEM, had, has}, {unix.NFT_MSG_NEWSETELEM, has, had}} {
		var differ []element
		for e := range d.some {
			if !d.not[e] {
				differ = append(differ, e)
			}
		}
		for part := range slices.Chunk(differ, elementsPerMessage) {
			requests = append(requests, ours(f).change(d.message, set, part))
		}
	}
	return requests
}
