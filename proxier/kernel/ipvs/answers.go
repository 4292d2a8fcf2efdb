package ipvs

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// NameAnswers names the virtual server of answers for people.
func NameAnswers(f ipset.Family) string { return fmt.Sprintf("mark %#x IPv%d", rules.AnswersMark, f) }

// ownAddress is what the real server behind it has as an address; its packets go
// to whatever address of the node they came for.
var ownAddress = map[ipset.Family]netip.Addr{
	ipset.IPv4: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
	ipset.IPv6: netip.IPv6Loopback(),
}

// EnsureAnswers makes the virtual server of rules.AnswersMark, where it is missing.
// It may run beside the goroutine that writes rows.
func (i *IPVS) EnsureAnswers(f ipset.Family) (made bool, err error) {
	own := ownAddress[f]
	family := wire.AddressFamily(own)
	behind := wire.Append(nil, attrService, markKey(family, rules.AnswersMark)...)
	behind = wire.Append(behind, attrDest, destination(netip.AddrPortFrom(own, 0), forwardLocal, 1)...)
	for _, errno := range i.answers.Do([]wire.Request{
		command(newService, wire.Append(nil, attrService, markService(family, rules.AnswersMark, i.cfg.Scheduler)...)),
		command(newDest, behind),
	}) {
		if errno == nil {
			made = true
		}
		if err = wire.Translate(errno, map[unix.Errno]error{unix.EEXIST: nil}); err != nil {
			return false, fmt.Errorf("make the virtual server of %s: %w", NameAnswers(f), err)
		}
	}
	return made, nil
}

// RemoveAnswers deletes it.
func (i *IPVS) RemoveAnswers(f ipset.Family) error {
	key := wire.Append(nil, attrService, markKey(wire.AddressFamily(ownAddress[f]), rules.AnswersMark)...)
	return wire.Translate(i.answers.Do([]wire.Request{command(delService, key)})[0], map[unix.Errno]error{unix.ESRCH: nil})
}
