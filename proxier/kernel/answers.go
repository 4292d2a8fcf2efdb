package kernel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// answersServer names the virtual server of answers for people.
func answersServer(f ipset.Family) string { return fmt.Sprintf("mark %#x IPv%d", rules.AnswersMark, f) }

// ownAddress is what the real server behind it has as an address; its packets go
// to whatever address of the node they came for.
var ownAddress = map[ipset.Family]netip.Addr{
	ipset.IPv4: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
	ipset.IPv6: netip.IPv6Loopback(),
}

// ensureAnswers makes the virtual server of rules.AnswersMark, where it is missing.
func (k *Kernel) ensureAnswers(f ipset.Family) (made bool, err error) {
	own := ownAddress[f]
	family := wire.AddressFamily(own)
	behind := wire.Append(nil, attrService, markKey(family, rules.AnswersMark)...)
	behind = wire.Append(behind, attrDest, destination(netip.AddrPortFrom(own, 0), forwardLocal, 1)...)
	for _, errno := range k.beside.servers.Do([]wire.Request{
		command(newService, wire.Append(nil, attrService, markService(family, rules.AnswersMark, k.cfg.Scheduler)...)),
		command(newDest, behind),
	}) {
		if errno == nil {
			made = true
		}
		if err = wire.Translate(errno, map[unix.Errno]error{unix.EEXIST: nil}); err != nil {
			return false, fmt.Errorf("make the virtual server of %s: %w", answersServer(f), err)
		}
	}
	return made, nil
}

// removeAnswers deletes it.
func (k *Kernel) removeAnswers(f ipset.Family) error {
	key := wire.Append(nil, attrService, markKey(wire.AddressFamily(ownAddress[f]), rules.AnswersMark)...)
	return wire.Translate(k.beside.servers.Do([]wire.Request{command(delService, key)})[0], map[unix.Errno]error{unix.ESRCH: nil})
}
