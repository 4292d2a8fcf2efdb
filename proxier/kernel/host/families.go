package host

import (
	"fmt"
	"os"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Served are the address families that this machine can serve. IPv4 always is; IPv6 is where
// the kernel has it, until something is found that it would take. All rooms
// share one, which does not change any more once anything is served.
type Served struct {
	ipv6     bool
	unserved error
}

// FindServed asks the kernel.
func FindServed() *Served {
	_, err := os.Stat("/proc/net/if_inet6")
	return &Served{ipv6: err == nil}
}

// Families lists them, IPv4 first.
func (f *Served) Families() []ipset.Family {
	if f.ipv6 {
		return []ipset.Family{ipset.IPv4, ipset.IPv6}
	}
	return []ipset.Family{ipset.IPv4}
}

// IPv6 tells whether it is served.
func (f *Served) IPv6() bool { return f.ipv6 }

// Unserved says why IPv6 is not served although the kernel has it; nil if it is.
func (f *Served) Unserved() error { return f.unserved }

// LeaveOut serves IPv4 alone, although the kernel has IPv6.
func (f *Served) LeaveOut(why error) {
	f.ipv6, f.unserved = false, fmt.Errorf("IPv6: %w", why)
}
