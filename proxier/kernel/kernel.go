package kernel

import (
	"context"
	"errors"
	"maps"
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/found"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/nft"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Config is what the constant part of the machine depends on.
type Config struct {
	Backend      rules.Backend    // of the packet program; iptables, if none is named
	Scheduler    string           // of virtual servers, to be found in the kernel
	Rules        rules.Config     // what the packet program depends on
	ExcludeCIDRs []netip.Prefix   // virtual servers of others within are never adopted and never removed
	Accept       rules.AcceptMode // new connections to Services in filter INPUT
	StrictARP    bool             // answer ARP only on the interface that has the address
	Timeouts     ipvs.Timeouts

	Record     string      // file for the former values of sysctls and time-outs; empty: they are not recorded
	Unrecorded func(error) // is told when that cannot be written; may be nil

	RestoreSysctls bool // a cleanup puts back sysctls too, not only time-outs
}

// Kernel is this machine, or rather the network namespace of the thread that
// opened it: the rooms below in one.
type Kernel struct {
	*host.Served
	*host.Settings
	host.Flows
	*ipvs.IPVS
	*device.Device
	*found.Machine
	*events
	Rules
}

// Open reaches for everything that is needed and changes nothing but the
// kernel modules loaded. It names what the machine lacks.
func Open(cfg Config) (*Kernel, error) {
	return opened(cfg, ipvs.Open, func(k *Kernel) (err error) {
		if err := k.InOtherBackend(cfg.Backend); err != nil {
			return err
		}
		if k.Rules, err = openRules(cfg, k.Served); err != nil {
			k.Rules = nil // not an interface of a nil pointer
			return err
		}
		return k.watch()
	})
}

func openRules(cfg Config, served *host.Served) (Rules, error) {
	if cfg.Backend == rules.NFTables {
		// Whether the host refuses by default makes no difference: to accept a packet
		// there does not keep the host's own chains from refusing it.
		cfg.Rules.Accept = cfg.Accept.Where(false)
		return nft.Open(cfg.Rules, served)
	}
	return xt.Open(xt.Config{Rules: cfg.Rules, Accept: cfg.Accept}, served)
}

// OpenAsIs is for a cleanup: it loads no module, IPVS among them, starts no
// program, and subscribes to no events. Without Rules: neither Prepare nor Members
// may be called.
func OpenAsIs(cfg Config) (*Kernel, error) {
	return opened(cfg, ipvs.OpenLoaded, func(*Kernel) error { return nil })
}

// opened is a Kernel with what all need, and more.
func opened(cfg Config, servers func(ipvs.Config) (*ipvs.IPVS, error), more func(*Kernel) error) (k *Kernel, err error) {
	if err := host.Permitted(); err != nil {
		return nil, err
	}
	records := host.Records{Path: cfg.Record, Failed: cfg.Unrecorded}
	k = &Kernel{Served: host.FindServed(), events: newEvents()}
	k.Flows = host.FlowsOf(k.Served)
	k.Settings = &host.Settings{
		StrictARP: cfg.StrictARP, Records: records,
		More: func() ([]host.Sysctl, error) { return k.Forwarding(cfg.Rules.Pods.CIDRs) },
	}
	k.Device, err = device.Open(k.Served)
	if err == nil {
		k.IPVS, err = servers(ipvs.Config{Scheduler: cfg.Scheduler, Timeouts: cfg.Timeouts, Records: records})
	}
	if err == nil {
		what := found.Config{ExcludeCIDRs: cfg.ExcludeCIDRs, RestoreSysctls: cfg.RestoreSysctls, Records: records}
		k.Machine, err = found.Open(what, k.IPVS, k.Device)
	}
	if err == nil {
		err = more(k)
	}
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Close lets go of all sockets; nothing in the kernel changes.
func (k *Kernel) Close() error {
	var errs []error
	if k.Rules != nil {
		errs = append(errs, k.Rules.Close())
	}
	if k.Machine != nil {
		errs = append(errs, k.Machine.Close())
	}
	if k.IPVS != nil {
		errs = append(errs, k.IPVS.Close())
	}
	if k.Device != nil {
		errs = append(errs, k.Device.Close())
	}
	return errors.Join(errs...)
}

// Load has the modules loaded that a process with CAP_NET_ADMIN alone might not
// be able to load later: those of IPVS are there since Open, those of the rules
// since this. All others the kernel loads when it is asked for what they do.
func (k *Kernel) Load(ctx context.Context) error { return k.Rules.Load(ctx) }

// Host sets what needs more privilege than CAP_NET_ADMIN: sysctls. It also
// makes sure of the scheduler, sets the timeouts of IPVS, and settles which
// families are served. What is right already is not written; former values are
// recorded. A sysctl without which most things still work is among the
// warnings if it cannot be set.
func (k *Kernel) Host(ctx context.Context) (warnings []error, err error) {
	if err := k.ProbeScheduler(ctx); err != nil {
		return nil, err
	}
	k.settleFamilies(ctx)
	warnings, err = k.SetSysctls()
	return warnings, errors.Join(err, k.SetTimeouts())
}

// settleFamilies leaves out IPv6 where the kernel or this node lacks what it
// takes (K44). It is done once, before anything is served.
func (k *Kernel) settleFamilies(ctx context.Context) {
	if !k.IPv6() {
		return
	}
	err := k.Probe(ctx, ipset.IPv6)
	if err == nil {
		err = k.AllowIPv6()
	}
	if err != nil {
		k.LeaveOut(err)
	}
}

// Prepare makes sure of what never varies: the device, the routes to what is
// bound to it, the virtual servers of answers, the sets and the rules, whatever is
// missing or different of them, and writes nothing else. What fails keeps nothing
// else from being made. It tells how many it has put right, by kind. It starts
// programs, and may run beside the goroutine that writes rows, but not beside
// itself, Scan or Do.
func (k *Kernel) Prepare(ctx context.Context) (mended state.Mended, err error) {
	var errs []error
	devices, err := k.EnsureDevice()
	errs = append(errs, err)
	routes, err := k.EnsureRoutes()
	errs = append(errs, err)
	servers := 0
	for _, f := range k.Families() {
		made, err := k.EnsureAnswers(f)
		if errs = append(errs, err); made {
			servers++
		}
	}
	mended, err = k.Rules.Prepare(ctx)
	mended[state.MendedDevice], mended[state.MendedRoute], mended[state.MendedServer] = devices, routes, servers
	maps.DeleteFunc(mended, func(_ string, n int) bool { return n == 0 })
	return mended, errors.Join(append(errs, err)...)
}
