package main

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"

	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
)

// verb is what the process is to do.
type verb string

const (
	verbRun         verb = "run"
	verbInit        verb = "init"
	verbCleanup     verb = "cleanup"
	verbCheck       verb = "check"
	verbWriteConfig verb = "write-config"
	verbVersion     verb = "version"
	verbHelp        verb = "help"
)

// options are the command line and the configuration file, checked and
// resolved. With verbHelp and verbVersion nothing else is filled in.
type options struct {
	Verb          verb
	ConfigFile    string
	WriteConfigTo string
	Takeover      bool

	DryRun, RestoreSysctls bool   // of cleanup
	Output                 string // of cleanup: text or json

	Kubeconfig, Master              string
	ContentType, AcceptContentTypes string
	QPS                             float32
	Burst                           int
	ConfigSyncPeriod                time.Duration

	NodeName          string
	NodeIP            netip.Addr         // zero: whatever the Node says
	DetectLocal       v1alpha1.LocalMode // how Pods of this node are told from other clients
	ClusterCIDRs      []netip.Prefix     // at most one of each family
	BridgeInterface   string
	InterfacePrefix   string
	MasqueradeBit     int
	MasqueradeAll     bool
	Accept            kernel.Accept
	NodePortAddresses []string // prefixes and the words primary, localhost, all; empty: all
	ExternalIPs       bool     // serve Services' externalIPs

	Leave              []netip.Prefix // Services' addresses that are others'
	ExternalRanges     []netip.Prefix // externalIPs have to be within; none: they may be any
	LoadBalancerRanges []netip.Prefix // the same of load balancers' addresses
	AliasRanges        []netip.Prefix // where in-cluster aliases lie, at most one of each family; the usual ones otherwise
	ServeNodeAddresses bool           // external and ingress addresses may be the node's own

	Scheduler                             string
	SyncPeriod, MinSyncPeriod             time.Duration
	ExcludeCIDRs                          []netip.Prefix
	StrictARP                             bool
	TCPTimeout, TCPFinTimeout, UDPTimeout time.Duration // zero: leave the kernel's
	DrainTimeout                          time.Duration // zero: connections to endpoints that leave are reset

	Conntrack host.Conntrack

	HealthzAddress, MetricsAddress string // IP:port; empty: none
	ServiceMetrics                 int    // Services whose traffic is counted, at most
	BindAddressHardFail            bool
	Profiling                      bool
	OOMScoreAdj                    int

	LogFormat string // text or json
	Verbosity int
	VModule   string // as klog wants it

	Args       []string // as given
	ConfigText string   // of ConfigFile

	Flags    string                          // as given or by default, one a line
	Config   v1alpha1.KubeProxyConfiguration // in force
	Warnings []string                        // one line each
}

// parse reads args and the configuration file they name. hostname is asked when
// nothing names the Node. The error has one line for each mistake.
func parse(args []string, hostname func() (string, error)) (options, error) {
	r := &reading{line: newCommandLine()}
	r.readLine(args)
	r.config = &r.line.config
	switch {
	case r.line.help:
		return options{Verb: verbHelp}, nil
	case r.line.version == "true" || r.line.version == "raw":
		return options{Verb: verbVersion}, nil
	}
	if r.line.configFile != "" && !r.readFile() {
		return options{}, r.err()
	}
	o := r.resolve(hostname)
	r.warnOfSilenced()
	r.warnOfUnused()
	if err := r.err(); err != nil {
		return options{}, err
	}
	o.Warnings, o.Flags = r.warnings, r.line.flagLines()
	o.Args, o.ConfigText = args, r.text
	return o, nil
}

func (r *reading) verb() verb {
	switch {
	case r.line.writeConfigTo != "":
		return verbWriteConfig
	case r.line.cleanup:
		return verbCleanup
	case r.line.check:
		return verbCheck
	case r.line.initOnly:
		return verbInit
	}
	return verbRun
}

// err is all problems. For cleanup a wrong value is only a warning, unless it
// says what must not be removed, or hides that: there is nothing else it could
// spoil, and who cleans up should not have to repair a configuration first.
func (r *reading) err() error {
	if r.verb() == verbCleanup {
		r.problems = slices.DeleteFunc(r.problems, func(p problem) bool {
			harmless := p.field != "" && p.field != "ipvs" && p.field != "ipvs.excludeCIDRs"
			if harmless {
				r.warn("%s", p.text)
			}
			return harmless
		})
	}
	var errs []error
	for _, p := range r.problems {
		errs = append(errs, errors.New(p.text))
	}
	return errors.Join(errs...)
}
