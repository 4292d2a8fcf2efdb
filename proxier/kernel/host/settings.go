package host

import (
	"context"
	"errors"
)

// Settings are the sysctls that traffic needs, and the kernel's table of
// connections.
type Settings struct {
	StrictARP bool                     // answer ARP only on the interface that has the address
	More      func() ([]Sysctl, error) // others that are needed, as far as is known by now
	Records   Records
}

// SetSysctls sets all that are not as they have to be; former values are recorded. One
// without which most things still work is among the warnings if it cannot be
// set.
func (s *Settings) SetSysctls() (warnings []error, err error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, one := range all {
		_, err := ensure(procSys, []Sysctl{one}, s.Records.Note)
		switch {
		case err == nil:
		case one.vital():
			errs = append(errs, err)
		default:
			warnings = append(warnings, err)
		}
	}
	return warnings, errors.Join(errs...)
}

// Sysctls sets those again that others have changed, and tells how many.
func (s *Settings) Sysctls(context.Context) (set int, err error) {
	all, err := s.all()
	if err != nil {
		return 0, err
	}
	return ensure(procSys, all, s.Records.Note)
}

// Conntrack sets up the kernel's table of connections and answers with what
// could not be written here, but does not keep anybody from working.
func (s *Settings) Conntrack(c Conntrack) (warnings []string, err error) {
	return c.ensure("/", onlineCores("/sys/devices/system/cpu/online"), s.Records.Note)
}

func (s *Settings) all() ([]Sysctl, error) {
	more, err := s.More()
	return append(sysctls(s.StrictARP, parseRelease(Release())), more...), err
}

// sysctls are the settings that traffic through IPVS needs.
func sysctls(strictARP bool, kernel version) []Sysctl {
	all := []Sysctl{
		{"net.ipv4.vs.conntrack", "1"},                 // without it nothing is masqueraded
		{"net.ipv4.vs.expire_nodest_conn", "1"},        // reset connections to a deleted real server, rather than go silent
		{"net.ipv4.vs.expire_quiescent_template", "1"}, // affinity leaves a real server of weight 0
		{"net.ipv4.ip_forward", "1"},
	}
	// Reuse of a client port would cost a second per connection (from 4.1),
	// which 5.9 has repaired.
	if kernel.atLeast(4, 1) && !kernel.atLeast(5, 9) {
		all = append(all, Sysctl{"net.ipv4.vs.conn_reuse_mode", "0"})
	}
	if strictARP {
		all = append(all, Sysctl{"net.ipv4.conf.all.arp_ignore", "1"}, Sysctl{"net.ipv4.conf.all.arp_announce", "2"})
	}
	return all
}
