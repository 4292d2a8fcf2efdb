package ipvs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/ipvs"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// Timeouts are those of IPVS connections, in whole seconds. Zero leaves what was
// there before us; only that of TCP, where it was the kernel's own, becomes a day.
type Timeouts struct{ TCP, TCPFin, UDP time.Duration }

// The kernel's own forgets a connection long before its ends ask each other
// whether they are still there (tcp_keepalive_time), and answers the next packet
// with a reset (K33). A day is what we give connections in the table of
// connections, which bounds their life in kube-proxy's other modes.
const (
	kernelTCPTimeout  = 15 * time.Minute
	defaultTCPTimeout = 24 * time.Hour
)

// tcpTimeout and its like are how time-outs are named in configuration and records.
const tcpTimeout = host.Timeout + "tcpTimeout"

func timeoutsOf(c *ipvs.Config) map[string]*time.Duration {
	return map[string]*time.Duration{
		tcpTimeout: &c.TimeoutTCP, host.Timeout + "tcpFinTimeout": &c.TimeoutTCPFin, host.Timeout + "udpTimeout": &c.TimeoutUDP,
	}
}

// SetTimeouts changes those IPVS time-outs that are to be different, and before
// that has their former values recorded.
func (i *IPVS) SetTimeouts() error {
	now, err := i.moby.GetConfig()
	if err != nil {
		return fmt.Errorf("read IPVS time-outs: %w", wire.Translate(err, nil))
	}
	before, err := i.cfg.Records.Read()
	i.cfg.Records.Tell(err)
	want := *now
	asked := timeoutsOf(&ipvs.Config{TimeoutTCP: i.cfg.Timeouts.TCP, TimeoutTCPFin: i.cfg.Timeouts.TCPFin, TimeoutUDP: i.cfg.Timeouts.UDP})
	var changes []leftovers.Sysctl
	for name, t := range timeoutsOf(&want) {
		is := *t
		if *t = timeout(name, *asked[name], is, before[name]); *t != is {
			changes = append(changes, leftovers.Sysctl{Name: name, Was: seconds(is), Is: seconds(*t)})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	i.cfg.Records.Note(changes)
	return i.configure(want)
}

func (i *IPVS) configure(want ipvs.Config) error {
	if err := i.moby.SetConfig(&want); err != nil {
		return fmt.Errorf("set IPVS time-outs: %w", wire.Translate(err, nil))
	}
	return nil
}

// timeout is what one is to be. What we have set ourselves counts for nothing,
// or a restart would take it for the administrator's choice.
func timeout(name string, asked, now time.Duration, ours leftovers.Sysctl) time.Duration {
	if asked > 0 {
		return asked
	}
	if former, err := parseSeconds(ours.Was); err == nil && ours.Is == seconds(now) {
		now = former
	}
	if name == tcpTimeout && now == kernelTCPTimeout {
		return defaultTCPTimeout
	}
	return now
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func parseSeconds(text string) (time.Duration, error) {
	n, err := strconv.Atoi(text)
	return time.Duration(n) * time.Second, err
}

// ChangedTimeouts are those that still have the value that we gave them.
func (i *IPVS) ChangedTimeouts(r map[string]leftovers.Sysctl) (all []leftovers.Sysctl, err error) {
	if i.moby == nil {
		return nil, nil
	}
	now, err := i.moby.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("read IPVS time-outs: %w", wire.Translate(err, nil))
	}
	for name, t := range timeoutsOf(now) {
		if c, changed := r[name]; changed && c.Is == seconds(*t) && c.Was != c.Is {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, host.ByName)
	return all, nil
}

// RestoreTimeouts puts former values back and forgets them.
func (i *IPVS) RestoreTimeouts(changed []leftovers.Sysctl) error {
	var want ipvs.Config // zero leaves a time-out as it is
	var errs []error
	for _, c := range changed {
		former, err := parseSeconds(c.Was)
		errs = append(errs, err)
		*timeoutsOf(&want)[c.Name] = former
	}
	if err := errors.Join(append(errs, i.configure(want))...); err != nil {
		return err
	}
	return i.cfg.Records.Forget(func(name string) bool { return strings.HasPrefix(name, host.Timeout) })
}
