package kernel

import (
	"errors"
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// Config is what the constant part of the machine depends on.
type Config struct {
	Scheduler    string         // of virtual servers, to be found in the kernel
	Rules        rules.Config   // what the packet program depends on
	ExcludeCIDRs []netip.Prefix // virtual servers of others within are never adopted and never removed
	Accept       Accept         // new connections to Services in filter INPUT
	StrictARP    bool           // answer ARP only on the interface that has the address
	Timeouts     ipvs.Timeouts

	Record     string      // file for the former values of sysctls and time-outs; empty: they are not recorded
	Unrecorded func(error) // is told when that cannot be written; may be nil

	RestoreSysctls bool // a cleanup puts back sysctls too, not only time-outs
}

// Kernel is this machine, or rather the network namespace of the thread that
// opened it.
type Kernel struct {
	*host.Served
	*host.Settings
	host.Flows
	*ipvs.IPVS
	*device.Device
	*events

	cfg    Config
	sets   *ipset.Client // members
	beside beside

	subscriptions []*wire.Subscription
}

// beside is what Prepare, Scan and Do work with, and nobody else: they start
// programs, and run beside the goroutine that writes rows.
type beside struct {
	sets      *ipset.Client // whole sets
	netfilter *wire.Conn    // nfnetlink: nftables, and what kube-proxy has left
	tables    map[ipset.Family]*tables
}

// Open reaches for everything that is needed and changes nothing but the
// kernel modules loaded. It names what the machine lacks.
func Open(cfg Config) (*Kernel, error) {
	return opened(cfg, func(k *Kernel) (err error) {
		if k.IPVS, err = ipvs.Open(k.ipvsConfig()); err != nil {
			return err
		}
		if err = k.openTables(); err != nil {
			return err
		}
		return k.watch()
	})
}

// OpenAsIs is for those who read, and for a cleanup: it loads no module, IPVS
// among them, starts no program, and subscribes to no events. Prepare may not be
// called.
func OpenAsIs(cfg Config) (*Kernel, error) {
	return opened(cfg, func(k *Kernel) (err error) {
		k.IPVS, err = ipvs.OpenLoaded(k.ipvsConfig())
		return err
	})
}

// opened is a Kernel with what all need, and more.
func opened(cfg Config, more func(*Kernel) error) (k *Kernel, err error) {
	k = &Kernel{cfg: cfg, events: newEvents(), Served: host.FindServed()}
	k.Flows = host.FlowsOf(k.Served)
	k.Settings = &host.Settings{
		StrictARP: cfg.StrictARP, Records: host.Records{Path: cfg.Record, Failed: cfg.Unrecorded},
		More: func() ([]host.Sysctl, error) { return k.Forwarding(cfg.Rules.Pods.CIDRs) },
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if err := host.Permitted(); err != nil {
		return k, err
	}
	if k.Device, err = device.Open(k.Served); err != nil {
		return k, err
	}
	if k.sets, err = ipset.Open(); err != nil {
		return k, err
	}
	if k.beside.sets, err = ipset.Open(); err != nil {
		return k, err
	}
	if k.beside.netfilter, err = wire.Dial(unix.NETLINK_NETFILTER); err != nil {
		return k, err
	}
	return k, more(k)
}

func (k *Kernel) ipvsConfig() ipvs.Config {
	return ipvs.Config{Scheduler: k.cfg.Scheduler, Timeouts: k.cfg.Timeouts, Records: k.Records}
}

// Close lets go of all sockets; nothing in the kernel changes.
func (k *Kernel) Close() error {
	var errs []error
	for _, s := range k.subscriptions {
		s.Close()
	}
	if k.Device != nil {
		errs = append(errs, k.Device.Close())
	}
	if k.IPVS != nil {
		errs = append(errs, k.IPVS.Close())
	}
	sockets := []*wire.Conn{k.beside.netfilter}
	for _, c := range sockets {
		errs = append(errs, c.Close())
	}
	for _, c := range []*ipset.Client{k.sets, k.beside.sets} {
		if c != nil {
			c.Close()
		}
	}
	return errors.Join(errs...)
}

func (k *Kernel) excluded(a netip.Addr) bool {
	for _, p := range k.cfg.ExcludeCIDRs {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
