package options

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hostTable is what is set in the kernel, and what is served and said beside
// Services.
var hostTable = []setting{
	{
		group: ipvs, flag: "ipvs-scheduler", field: "ipvs.scheduler",
		check: matching(schedulerName, "must be the name of an IPVS scheduler, such as rr, lc or mh"), fill: into(func(o *Options) *string { return &o.Kernel.Scheduler }, func(o *Options) *string { return &o.Proxier.Scheduler }),
		text: "IPVS `scheduler`",
	},
	{
		group: ipvs, flag: "ipvs-sync-period", field: "ipvs.syncPeriod",
		check: positive, fill: into(func(o *Options) *time.Duration { return &o.Proxier.SyncPeriod }),
		text: "longest time between two comparisons of the kernel with what it should hold",
	},
	{
		group: ipvs, flag: "ipvs-min-sync-period", field: "ipvs.minSyncPeriod",
		check: isMinSyncPeriod, fill: into(func(o *Options) *time.Duration { return &o.Proxier.MinSyncPeriod }),
		text: "shortest time between two passes; 0, the default, carries out each change at once",
	},
	{
		group: ipvs, flag: "ipvs-exclude-cidrs", field: "ipvs.excludeCIDRs",
		fill: fillExcludeCIDRs,
		text: "virtual servers of others in these `CIDRs` are never adopted and never removed",
	},
	{
		group: ipvs, flag: "ipvs-strict-arp", field: "ipvs.strictARP",
		fill: into(func(o *Options) *bool { return &o.Kernel.StrictARP }),
		text: "set arp_ignore to 1 and arp_announce to 2: answer ARP only for addresses of the interface that was asked",
	},
	{
		group: ipvs, flag: "drain-timeout", beside: true,
		own: metav1.Duration{Duration: drainTimeout}, check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Proxier.DrainTimeout }),
		text: "longest `duration` for which TCP connections to an endpoint that was removed, is not ready or is no longer chosen are kept; a Service's annotation goes before; 0: such connections are reset at once",
	},
	{
		group: ipvs, flag: "ipvs-tcp-timeout", field: "ipvs.tcpTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Kernel.Timeouts.TCP }),
		text: "of idle TCP connections; 0: a day where the kernel's own 15 minutes are set, else as it is",
	},
	{
		group: ipvs, flag: "ipvs-tcpfin-timeout", field: "ipvs.tcpFinTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Kernel.Timeouts.TCPFin }),
		text: "IPVS time-out of TCP connections after a FIN; 0 leaves the kernel's",
	},
	{
		group: ipvs, flag: "ipvs-udp-timeout", field: "ipvs.udpTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Kernel.Timeouts.UDP }),
		text: "IPVS time-out of UDP flows; 0 leaves the kernel's",
	},

	{
		group: conntrack, flag: "conntrack-max-per-core", field: "conntrack.maxPerCore",
		check: notNegative, fill: into(func(o *Options) *int { return &o.Conntrack.MaxPerCore }),
		text: "conntrack `entries` for each processor core; nf_conntrack_max is only ever raised; 0 leaves it",
	},
	{
		group: conntrack, flag: "conntrack-min", field: "conntrack.min",
		check: notNegative, fill: into(func(o *Options) *int { return &o.Conntrack.Min }),
		text: "least conntrack `entries`, unless --conntrack-max-per-core is 0",
	},
	{
		group: conntrack, flag: "conntrack-tcp-timeout-established", field: "conntrack.tcpEstablishedTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Conntrack.Established }),
		text: "conntrack time-out of established TCP connections; 0 leaves the kernel's",
	},
	{
		group: conntrack, flag: "conntrack-tcp-timeout-close-wait", field: "conntrack.tcpCloseWaitTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Conntrack.CloseWait }),
		text: "conntrack time-out of TCP connections in CLOSE_WAIT; 0 leaves the kernel's",
	},
	{
		group: conntrack, flag: "conntrack-tcp-be-liberal", field: "conntrack.tcpBeLiberal",
		fill: into(func(o *Options) *bool { return &o.Conntrack.BeLiberal }),
		text: "accept TCP packets outside of the window in conntrack",
	},
	{
		group: conntrack, flag: "conntrack-udp-timeout", field: "conntrack.udpTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Conntrack.UDP }),
		text: "conntrack time-out of UDP flows without an answer; 0 leaves the kernel's",
	},
	{
		group: conntrack, flag: "conntrack-udp-timeout-stream", field: "conntrack.udpStreamTimeout",
		check: notNegative, fill: into(func(o *Options) *time.Duration { return &o.Conntrack.UDPStream }),
		text: "conntrack time-out of UDP flows with an answer; 0 leaves the kernel's",
	},

	{group: serving, flag: "healthz-bind-address", field: "healthzBindAddress", text: "`IP:port` of the health check (default 0.0.0.0:10256); empty: none"},
	{
		group: serving, verdict: outdated, flag: "healthz-port", field: "healthzBindAddress",
		own:  int32(healthzPort),
		text: "deprecated, use --healthz-bind-address; 0: none",
	},
	{group: serving, flag: "metrics-bind-address", field: "metricsBindAddress", text: "`IP:port` of the metrics (default 127.0.0.1:10249); empty: none"},
	{
		group: serving, verdict: outdated, flag: "metrics-port", field: "metricsBindAddress",
		own:  int32(metricsPort),
		text: "deprecated, use --metrics-bind-address; 0: none",
	},
	{
		group: serving, flag: "bind-address-hard-fail", field: "bindAddressHardFail",
		fill: into(func(o *Options) *bool { return &o.BindAddressHardFail }),
		text: "exit when the address of the health check or of the metrics cannot be listened on, instead of trying again",
	},
	{
		group: serving, flag: "service-metrics", beside: true,
		own: int32(0), check: notNegative, fill: into(func(o *Options) *int { return &o.Proxier.ServiceMetrics }),
		text: "largest `number` of Services whose traffic has metrics, the first by name; 0: none",
	},
	{
		group: serving, flag: "profiling", field: "enableProfiling",
		fill: into(func(o *Options) *bool { return &o.Profiling }),
		text: "serve /debug/pprof beside the metrics",
	},

	{
		group: logging, flag: "v", short: "v", field: "logging.verbosity", beside: true,
		fill: into(func(o *Options) *int { return &o.Verbosity }),
		text: "`level` of detail",
	},
	{
		group: logging, flag: "vmodule", field: "logging.vmodule", beside: true,
		fill: fillVModule,
		text: "`pattern=level,...` for single source files",
	},
	{
		group: logging, flag: "logging-format", field: "logging.format", beside: true,
		check: oneOf("text", "json"), fill: into(func(o *Options) *string { return &o.LogFormat }),
		text: "`text` or json",
	},
}
