package kernel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
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
	family := addressFamily(own)
	behind := attribute(nil, attrService, markKey(family, rules.AnswersMark))
	behind = attribute(behind, attrDest, destination(netip.AddrPortFrom(own, 0), forwardLocal, 1))
	for _, errno := range k.beside.servers.do([]request{
		command(newService, attribute(nil, attrService, markService(family, rules.AnswersMark, k.cfg.Scheduler))),
		command(newDest, behind),
	}) {
		if errno == nil {
			made = true
		}
		if err = translate(errno, map[unix.Errno]error{unix.EEXIST: nil}); err != nil {
			return false, fmt.Errorf("make the virtual server of %s: %w", answersServer(f), err)
		}
	}
	return made, nil
}

// removeAnswers deletes it.
func (k *Kernel) removeAnswers(f ipset.Family) error {
	key := attribute(nil, attrService, markKey(addressFamily(ownAddress[f]), rules.AnswersMark))
	return translate(k.beside.servers.do([]request{command(delService, key)})[0], map[unix.Errno]error{unix.ESRCH: nil})
}
