package main

// setting is one thing that the command line or the configuration file may say.
type setting struct {
	flag    string // without dashes; empty: only the file may say it
	short   string
	field   string // path in the file, and of everything below it; empty: only a flag
	verdict verdict
	group   group
	text    string // what it does, or why it does nothing
	beside  bool   // the flag counts beside a file too, and wins

	// own is where a flag's value goes that is no field of the configuration.
	own func(*commandLine) any
}

// verdict is what becomes of a setting.
type verdict uint8

const (
	honoured verdict = iota
	outdated         // honoured; whoever gives the flag is told what to give instead
	warned           // accepted; whoever asks for it is told that nothing comes of it
	quiet            // accepted: no other value could make a difference
	rejected
)

// group is a heading of the usage.
type group string

const (
	running   group = "Running"
	api       group = "Kubernetes API"
	traffic   group = "Traffic"
	ipvs      group = "IPVS"
	conntrack group = "Conntrack"
	serving   group = "Health and metrics"
	logging   group = "Logging"
	unused    group = "Accepted for compatibility"
)

var groups = []group{running, api, traffic, ipvs, conntrack, serving, logging, unused}

const (
	otherModes = "only for other modes of kube-proxy"
	oldLogging = "klog dropped it; logs go to standard error"
	newLogging = "logs go to standard error as they come"
)

// settings is everything that kube-proxy 1.37 or an older one accepts. The
// order is that of the usage.
var settings = []setting{
	{group: running, flag: "config", own: (*commandLine).file, text: "configuration `file`, a KubeProxyConfiguration v1alpha1; most other flags are then ignored"},
	{group: running, flag: "write-config-to", own: (*commandLine).writeTo, text: "write the configuration that these flags amount to into this `file` and exit"},
	{group: running, flag: "init-only", own: (*commandLine).wantInit, text: "do what needs full privileges and exit"},
	{group: running, flag: "cleanup", own: (*commandLine).wantCleanup, text: "remove what a Service proxy has put into the kernel and exit; the word cleanup does the same"},
	{group: running, flag: "dry-run", own: (*commandLine).wantDryRun, text: "with --cleanup: print what would be removed, and remove nothing"},
	{group: running, flag: "output", short: "o", own: (*commandLine).outputForm, text: "with --cleanup: `text` or json"},
	{group: running, flag: "restore-sysctls", own: (*commandLine).wantSysctls, text: "with --cleanup: restore the sysctls that kube-ipvs has changed"},
	{group: running, flag: "takeover", own: (*commandLine).wantTakeover, text: "remove what kube-proxy has left on this node, once kube-ipvs serves every Service itself"},
	{group: running, flag: "version", own: (*commandLine).wantVersion, text: "print the version and exit"},
	{group: running, flag: "help", short: "h", own: (*commandLine).wantHelp, text: "print this and exit"},
	{group: running, flag: "proxy-mode", field: "mode", text: "`ipvs` or empty"},
	{group: running, flag: "feature-gates", field: "featureGates", text: "`name=bool,...`; AllowServiceExternalIPs=false leaves externalIPs unserved"},
	{group: running, flag: "oom-score-adj", field: "oomScoreAdj", text: "this process's `score` with the kernel's OOM killer, -1000 to 1000"},

	{group: api, flag: "kubeconfig", field: "clientConnection.kubeconfig", text: "kubeconfig `file`; without it and without --master, the Pod's service account"},
	{group: api, flag: "master", own: (*commandLine).server, beside: true, text: "`URL` of the API server, instead of the kubeconfig's"},
	{group: api, flag: "hostname-override", field: "hostnameOverride", beside: true, text: "`name` of our Node, instead of the host's"},
	{group: api, flag: "kube-api-content-type", field: "clientConnection.contentType", text: "content `type` of requests"},
	{group: api, field: "clientConnection.acceptContentTypes"},
	{group: api, flag: "kube-api-qps", field: "clientConnection.qps", text: "requests per second"},
	{group: api, flag: "kube-api-burst", field: "clientConnection.burst", text: "requests that may come at once"},
	{group: api, flag: "config-sync-period", field: "configSyncPeriod", text: "accepted for compatibility; the API server's objects are watched"},

	{group: traffic, flag: "serve-node-addresses", own: (*commandLine).wantNodeAddresses, beside: true, text: "serve external and load balancer addresses also where they are the node's own, as kube-proxy does; false: they are left to the node"},
	{group: traffic, flag: "service-external-ip-range", own: (*commandLine).mayBeExternal, beside: true, text: "Services' externalIPs are served within these `CIDRs` only; none: wherever they are"},
	{group: traffic, flag: "loadbalancer-ip-range", own: (*commandLine).mayBeLoadBalancers, beside: true, text: "load balancers' addresses are served within these `CIDRs` only; none: wherever they are"},
	{group: traffic, flag: "alias-range", own: (*commandLine).aliases, beside: true, text: "in-cluster aliases, at which Pods and the node reach addresses with externalTrafficPolicy Local, are made in these `CIDRs`, one of each family; default 240.0.0.0/4 and fdff::/16"},
	{group: traffic, flag: "leave-addresses", own: (*commandLine).left, beside: true, text: "Service addresses in these `CIDRs` are not served: another program on this node serves them, such as a DNS cache"},
	{group: traffic, flag: "cluster-cidr", field: "clusterCIDR", text: "`CIDR` of the cluster's Pods, or one of each family with a comma between"},
	{group: traffic, flag: "detect-local-mode", field: "detectLocalMode", text: "how Pods are told from other clients: `ClusterCIDR`, NodeCIDR, BridgeInterface or InterfaceNamePrefix"},
	{group: traffic, flag: "pod-bridge-interface", field: "detectLocal.bridgeInterface", text: "the `interface` that packets of Pods come in from, for --detect-local-mode BridgeInterface"},
	{group: traffic, flag: "pod-interface-name-prefix", field: "detectLocal.interfaceNamePrefix", text: "the `prefix` of names of interfaces that packets of Pods come in from, for --detect-local-mode InterfaceNamePrefix"},
	{group: traffic, flag: "masquerade-all", field: "iptables.masqueradeAll", text: "masquerade all traffic to cluster addresses, also that of Pods"},
	{group: traffic, flag: "iptables-masquerade-bit", field: "iptables.masqueradeBit", text: "`bit` of the packet mark that marks packets for masquerading, 0 to 31"},
	{group: traffic, flag: "accept-service-traffic", own: (*commandLine).accepted, beside: true, text: "accept new connections to Services before the host's own rules of iptables filter INPUT: `auto`, where these keep out what none of them lets in, always or never"},
	{group: traffic, flag: "nodeport-addresses", field: "nodePortAddresses", text: "`CIDRs` of the addresses that answer on node ports, or primary (none while that is not known), or all; empty: all"},
	{group: traffic, flag: "bind-address", field: "bindAddress", text: "this node's primary `IP`; unspecified (0.0.0.0 or ::): taken from the Node object; nothing listens on it"},

	{group: ipvs, flag: "ipvs-scheduler", field: "ipvs.scheduler", text: "IPVS `scheduler`"},
	{group: ipvs, flag: "ipvs-sync-period", field: "ipvs.syncPeriod", text: "longest time between two comparisons of the kernel with what it should hold"},
	{group: ipvs, flag: "ipvs-min-sync-period", field: "ipvs.minSyncPeriod", text: "shortest time between two passes; 0, the default, carries out each change at once"},
	{group: ipvs, flag: "ipvs-exclude-cidrs", field: "ipvs.excludeCIDRs", text: "virtual servers of others in these `CIDRs` are never adopted and never removed"},
	{group: ipvs, flag: "ipvs-strict-arp", field: "ipvs.strictARP", text: "set arp_ignore to 1 and arp_announce to 2: answer ARP only for addresses of the interface that was asked"},
	{group: ipvs, flag: "drain-timeout", own: (*commandLine).drain, beside: true, text: "longest `duration` for which TCP connections to an endpoint that was removed, is not ready or is no longer chosen are kept; a Service's annotation goes before; 0: such connections are reset at once"},
	{group: ipvs, flag: "ipvs-tcp-timeout", field: "ipvs.tcpTimeout", text: "of idle TCP connections; 0: a day where the kernel's own 15 minutes are set, else as it is"},
	{group: ipvs, flag: "ipvs-tcpfin-timeout", field: "ipvs.tcpFinTimeout", text: "IPVS time-out of TCP connections after a FIN; 0 leaves the kernel's"},
	{group: ipvs, flag: "ipvs-udp-timeout", field: "ipvs.udpTimeout", text: "IPVS time-out of UDP flows; 0 leaves the kernel's"},

	{group: conntrack, flag: "conntrack-max-per-core", field: "conntrack.maxPerCore", text: "conntrack `entries` for each processor core; nf_conntrack_max is only ever raised; 0 leaves it"},
	{group: conntrack, flag: "conntrack-min", field: "conntrack.min", text: "least conntrack `entries`, unless --conntrack-max-per-core is 0"},
	{group: conntrack, flag: "conntrack-tcp-timeout-established", field: "conntrack.tcpEstablishedTimeout", text: "conntrack time-out of established TCP connections; 0 leaves the kernel's"},
	{group: conntrack, flag: "conntrack-tcp-timeout-close-wait", field: "conntrack.tcpCloseWaitTimeout", text: "conntrack time-out of TCP connections in CLOSE_WAIT; 0 leaves the kernel's"},
	{group: conntrack, flag: "conntrack-tcp-be-liberal", field: "conntrack.tcpBeLiberal", text: "accept TCP packets outside of the window in conntrack"},
	{group: conntrack, flag: "conntrack-udp-timeout", field: "conntrack.udpTimeout", text: "conntrack time-out of UDP flows without an answer; 0 leaves the kernel's"},
	{group: conntrack, flag: "conntrack-udp-timeout-stream", field: "conntrack.udpStreamTimeout", text: "conntrack time-out of UDP flows with an answer; 0 leaves the kernel's"},

	{group: serving, flag: "healthz-bind-address", field: "healthzBindAddress", text: "`IP:port` of the health check (default 0.0.0.0:10256); empty: none"},
	{group: serving, verdict: outdated, flag: "healthz-port", field: "healthzBindAddress", own: (*commandLine).healthz, text: "deprecated, use --healthz-bind-address; 0: none"},
	{group: serving, flag: "metrics-bind-address", field: "metricsBindAddress", text: "`IP:port` of the metrics (default 127.0.0.1:10249); empty: none"},
	{group: serving, verdict: outdated, flag: "metrics-port", field: "metricsBindAddress", own: (*commandLine).metrics, text: "deprecated, use --metrics-bind-address; 0: none"},
	{group: serving, flag: "bind-address-hard-fail", field: "bindAddressHardFail", text: "exit when the address of the health check or of the metrics cannot be listened on, instead of trying again"},
	{group: serving, flag: "service-metrics", own: (*commandLine).traffic, beside: true, text: "largest `number` of Services whose traffic has metrics, the first by name; 0: none"},
	{group: serving, flag: "profiling", field: "enableProfiling", text: "serve /debug/pprof beside the metrics"},

	{group: logging, flag: "v", short: "v", field: "logging.verbosity", beside: true, text: "`level` of detail"},
	{group: logging, flag: "vmodule", field: "logging.vmodule", beside: true, text: "`pattern=level,...` for single source files"},
	{group: logging, flag: "logging-format", field: "logging.format", beside: true, text: "`text` or json"},

	{group: unused, verdict: warned, flag: "show-hidden-metrics-for-version", field: "showHiddenMetricsForVersion", text: "no metrics are hidden"},
	{group: unused, verdict: warned, flag: "iptables-localhost-nodeports", field: "iptables.localhostNodePorts", text: "IPVS cannot serve node ports on loopback addresses"},
	{group: unused, verdict: quiet, flag: "iptables-sync-period", field: "iptables.syncPeriod", text: otherModes},
	{group: unused, verdict: quiet, flag: "iptables-min-sync-period", field: "iptables.minSyncPeriod", text: otherModes},
	{verdict: quiet, field: "nftables"},
	{verdict: quiet, field: "winkernel"},
	{verdict: quiet, field: "windowsRunAsService"},
	{verdict: quiet, field: "portRange"},
	{group: unused, verdict: warned, flag: "proxy-port-range", own: sink, text: "the userspace mode is gone"},
	{group: unused, verdict: warned, flag: "udp-timeout", own: sink, text: "the userspace mode is gone"},
	{group: unused, verdict: warned, flag: "cleanup-ipvs", own: boolSink, text: "--cleanup always removes what belongs to IPVS"},
	{group: unused, verdict: rejected, flag: "cleanup-iptables", own: boolSink, text: "gone from kube-proxy since 1.29; use --cleanup"},
	{group: unused, verdict: rejected, flag: "resource-container", own: sink, text: "gone from kube-proxy since 1.29; remove it"},
	{group: unused, verdict: quiet, flag: "boot-id-file", own: sink, text: "unused in kube-proxy too"},
	{group: unused, verdict: quiet, flag: "machine-id-file", own: sink, text: "unused in kube-proxy too"},

	{group: unused, verdict: quiet, flag: "log-flush-frequency", field: "logging.flushFrequency", own: sink, beside: true, text: "nothing is buffered"},
	{group: unused, verdict: warned, flag: "log-text-split-stream", field: "logging.options.text.splitStream", beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-text-info-buffer-size", field: "logging.options.text.infoBufferSize", own: sink, beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-json-split-stream", field: "logging.options.json.splitStream", beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-json-info-buffer-size", field: "logging.options.json.infoBufferSize", own: sink, beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "add-dir-header", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "alsologtostderr", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "log-backtrace-at", own: sink, text: oldLogging},
	{group: unused, verdict: warned, flag: "log-dir", own: sink, text: oldLogging},
	{group: unused, verdict: warned, flag: "log-file", own: sink, text: oldLogging},
	{group: unused, verdict: warned, flag: "log-file-max-size", own: sink, text: oldLogging},
	{group: unused, verdict: warned, flag: "logtostderr", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "one-output", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "skip-headers", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "skip-log-headers", own: boolSink, text: oldLogging},
	{group: unused, verdict: warned, flag: "stderrthreshold", own: sink, text: oldLogging},
}

// settingOf is the setting that decides about a field.
func settingOf(field string) setting {
	for _, s := range settings {
		if s.field == field {
			return s
		}
	}
	panic("no setting for field " + field)
}

// target is where the flag's value goes.
func (s setting) target(line *commandLine) any {
	if s.own != nil {
		return s.own(line)
	}
	return lookup(&line.config, s.field)
}
