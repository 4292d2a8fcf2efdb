package options

import (
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// programTable is what the program does, how it reaches the API server, and whose
// traffic it serves.
var programTable = []setting{
	{
		group: running, flag: "config",
		own: "", fill: into(func(o *Options) *string { return &o.ConfigFile }),
		text: "configuration `file`, a KubeProxyConfiguration v1alpha1; most other flags are then ignored",
	},
	{
		group: running, flag: "write-config-to",
		own: "", fill: into(func(o *Options) *string { return &o.WriteConfigTo }),
		text: "write the configuration that these flags amount to into this `file` and exit",
	},
	{
		group: running, flag: "init-only",
		own:  false,
		text: "do what needs full privileges and exit",
	},
	{
		group: running, flag: "cleanup",
		own:  false,
		text: "remove what a Service proxy has put into the kernel and exit; the word cleanup does the same",
	},
	{
		group: running, flag: "dry-run",
		own: false, fill: into(func(o *Options) *bool { return &o.DryRun }),
		text: "with --cleanup: print what would be removed, and remove nothing",
	},
	{
		group: running, flag: "output", short: "o",
		own: "text", check: oneOf("text", "json"), fill: into(func(o *Options) *string { return &o.Output }),
		text: "with --cleanup: `text` or json",
	},
	{
		group: running, flag: "restore-sysctls",
		own: false, fill: into(func(o *Options) *bool { return &o.Kernel.RestoreSysctls }),
		text: "with --cleanup: restore the sysctls that kube-ipvs has changed",
	},
	{
		group: running, flag: "takeover",
		own: true, fill: into(func(o *Options) *bool { return &o.Proxier.Takeover }),
		text: "remove what kube-proxy has left on this node, once kube-ipvs serves every Service itself",
	},
	{
		group: running, flag: "version",
		own:  versionForm(""),
		text: "print the version and exit",
	},
	{
		group: running, flag: "help", short: "h",
		own:  false,
		text: "print this and exit",
	},
	{
		group: running, flag: "proxy-mode", field: "mode",
		check: isOurMode,
		text:  "`ipvs` or empty",
	},
	{
		group: running, flag: "feature-gates", field: "featureGates",
		fill: fillExternalIPs,
		text: "`name=bool,...`; AllowServiceExternalIPs=false leaves externalIPs unserved",
	},
	{
		group: running, flag: "oom-score-adj", field: "oomScoreAdj",
		check: between(-1000, 1000), fill: into(func(o *Options) *int { return &o.OOMScoreAdj }),
		text: "this process's `score` with the kernel's OOM killer, -1000 to 1000",
	},

	{
		group: api, flag: "kubeconfig", field: "clientConnection.kubeconfig",
		fill: into(func(o *Options) *string { return &o.API.Kubeconfig }),
		text: "kubeconfig `file`; without it and without --master, the Pod's service account",
	},
	{
		group: api, flag: "master", beside: true,
		own: "", fill: into(func(o *Options) *string { return &o.API.Master }),
		text: "`URL` of the API server, instead of the kubeconfig's",
	},
	{
		group: api, flag: "hostname-override", field: "hostnameOverride", beside: true,
		fill: fillNodeName,
		text: "`name` of our Node, instead of the host's",
	},
	{
		group: api, flag: "kube-api-content-type", field: "clientConnection.contentType",
		fill: into(func(o *Options) *string { return &o.API.ContentType }),
		text: "content `type` of requests",
	},
	{
		group: api, field: "clientConnection.acceptContentTypes",
		fill: into(func(o *Options) *string { return &o.API.AcceptContentTypes }),
	},
	{
		group: api, flag: "kube-api-qps", field: "clientConnection.qps",
		fill: into(func(o *Options) *float32 { return &o.API.QPS }),
		text: "requests per second",
	},
	{
		group: api, flag: "kube-api-burst", field: "clientConnection.burst",
		check: notNegative, fill: into(func(o *Options) *int { return &o.API.Burst }),
		text: "requests that may come at once",
	},
	{
		group: api, flag: "config-sync-period", field: "configSyncPeriod",
		check: positive,
		text:  "accepted for compatibility; the API server's objects are watched",
	},

	{
		group: traffic, flag: "serve-node-addresses", beside: true,
		own: true, fill: into(func(o *Options) *bool { return &o.Proxier.ServeNodeAddresses }),
		text: "serve external and load balancer addresses also where they are the node's own, as kube-proxy does; false: they are left to the node",
	},
	{
		group: traffic, flag: "service-external-ip-range", beside: true,
		own: []string(nil), fill: networks(func(o *Options) *[]netip.Prefix { return &o.Proxier.Ranges.External }),
		text: "Services' externalIPs are served within these `CIDRs` only; none: wherever they are",
	},
	{
		group: traffic, flag: "loadbalancer-ip-range", beside: true,
		own: []string(nil), fill: networks(func(o *Options) *[]netip.Prefix { return &o.Proxier.Ranges.LoadBalancer }),
		text: "load balancers' addresses are served within these `CIDRs` only; none: wherever they are",
	},
	{
		group: traffic, flag: "alias-range", beside: true,
		own:  []string(nil),
		text: "in-cluster aliases, at which Pods and the node reach addresses with externalTrafficPolicy Local, are made in these `CIDRs`, one of each family; default 240.0.0.0/4 and fdff::/16",
	},
	{
		group: traffic, flag: "exclude-service-cidrs", beside: true,
		own: []string(nil), fill: networks(func(o *Options) *[]netip.Prefix { return &o.Proxier.Ranges.ExcludeServices }),
		text: "addresses of Services in these `CIDRs` are not served: another program on this node serves them, such as a DNS cache; node ports are",
	},
	{
		group: traffic, flag: "cluster-cidr", field: "clusterCIDR",
		fill: fillClusterCIDRs,
		text: "`CIDR` of the cluster's Pods, or one of each family with a comma between",
	},
	{
		group: traffic, flag: "detect-local-mode", field: "detectLocalMode",
		check: oneOf(string(byClusterCIDR), string(byNodeCIDR), string(byBridge), string(byInterfacePrefix)),
		text:  "how Pods are told from other clients: `ClusterCIDR`, NodeCIDR, BridgeInterface or InterfaceNamePrefix",
	},
	{
		group: traffic, flag: "pod-bridge-interface", field: "detectLocal.bridgeInterface",
		check: isBridge,
		text:  "the `interface` that packets of Pods come in from, for --detect-local-mode BridgeInterface",
	},
	{
		group: traffic, flag: "pod-interface-name-prefix", field: "detectLocal.interfaceNamePrefix",
		check: isInterfacePrefix,
		text:  "the `prefix` of names of interfaces that packets of Pods come in from, for --detect-local-mode InterfaceNamePrefix",
	},
	{
		group: traffic, flag: "masquerade-all", field: "iptables.masqueradeAll",
		fill: into(func(o *Options) *bool { return &o.Kernel.Rules.MasqueradeAll }),
		text: "masquerade all traffic to cluster addresses, also that of Pods",
	},
	{
		group: traffic, flag: "iptables-masquerade-bit", field: "iptables.masqueradeBit",
		fill: fillMark,
		text: "`bit` of the packet mark that marks packets for masquerading, 0 to 31",
	},
	{
		group: traffic, flag: "accept-service-traffic", beside: true,
		own: string(rules.AcceptAuto), check: oneOf("auto", "always", "never"), fill: into(func(o *Options) *rules.AcceptMode { return &o.Kernel.Accept }),
		text: "accept new connections to Services before the host's own rules of iptables filter INPUT: `auto`, where these keep out what none of them lets in, always or never",
	},
	{
		group: traffic, flag: "rules", beside: true,
		own: string(rules.IPTables), check: oneOf(string(rules.IPTables), string(rules.NFTables)), fill: into(func(o *Options) *rules.Backend { return &o.Kernel.Backend }),
		text: "keep the packet rules and their sets in `iptables` and ipset, or in nftables, for nodes that have neither of these two: no program is started then",
	},
	{
		group: traffic, flag: "nodeport-addresses", field: "nodePortAddresses",
		fill: fillNodePorts,
		text: "`CIDRs` of the addresses that answer on node ports, or primary (none while that is not known), or all; empty: all",
	},
	{
		group: traffic, flag: "bind-address", field: "bindAddress",
		fill: fillNodeIP,
		text: "this node's primary `IP`; unspecified (0.0.0.0 or ::): taken from the Node object; nothing listens on it",
	},
}
