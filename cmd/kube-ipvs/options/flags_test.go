package options

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// flagCases is every flag there is. One that is honoured is tried with value
// and must then show in the options; of the others, warning is what the user
// reads.
var flagCases = []struct {
	id, flag, value string
	verdict         verdict
	also            string         // another argument, without which this one says nothing
	set             func(*Options) // what changes in the defaults
	warning         string
}{
	{id: "A1", flag: "config", value: "testdata/empty.conf", set: func(o *Options) { o.ConfigFile = "testdata/empty.conf" }},
	{id: "A2", flag: "write-config-to", value: "f", set: func(o *Options) { o.Verb, o.WriteConfigTo = WriteConfig, "f" }},
	{id: "A3", flag: "cleanup", set: func(o *Options) { o.Verb = Cleanup }},
	{id: "A4", flag: "init-only", set: func(o *Options) { o.Verb = Init }},
	{id: "A5", flag: "version", set: func(o *Options) { *o = Options{Verb: Version} }},
	{id: "A6", flag: "feature-gates", value: "AllowServiceExternalIPs=false", set: func(o *Options) { o.Proxier.IgnoreExternalIPs = true }},
	{id: "A7", flag: "kubeconfig", value: "k", set: func(o *Options) { o.API.Kubeconfig = "k" }},
	{id: "A8", flag: "master", value: "https://192.0.2.1:6443", set: func(o *Options) { o.API.Master = "https://192.0.2.1:6443" }},
	{id: "A9", flag: "kube-api-content-type", value: "application/json", set: func(o *Options) { o.API.ContentType = "application/json" }},
	{id: "A11", flag: "kube-api-burst", value: "7", set: func(o *Options) { o.API.Burst = 7 }},
	{id: "A12", flag: "kube-api-qps", value: "2.5", set: func(o *Options) { o.API.QPS = 2.5 }},
	{id: "A13", flag: "hostname-override", value: "N2", set: func(o *Options) { o.Proxier.NodeName = "n2" }},
	{id: "A14", flag: "bind-address", value: "192.0.2.9", set: func(o *Options) { o.Proxier.NodePorts.Chosen = netip.MustParseAddr("192.0.2.9") }},
	{id: "A15", flag: "healthz-bind-address", value: "192.0.2.9", set: func(o *Options) { withListeners(o, "192.0.2.9:10256", o.MetricsAddress) }},
	{id: "A16", flag: "healthz-port", value: "0", verdict: outdated, set: func(o *Options) { withListeners(o, "", o.MetricsAddress) }, warning: "use --healthz-bind-address"},
	{id: "A17", flag: "metrics-bind-address", value: "192.0.2.9:7", set: func(o *Options) { withListeners(o, o.HealthzAddress, "192.0.2.9:7") }},
	{id: "A18", flag: "metrics-port", value: "0", verdict: outdated, set: func(o *Options) { withListeners(o, o.HealthzAddress, "") }, warning: "use --metrics-bind-address"},
	{id: "A19", flag: "bind-address-hard-fail", set: func(o *Options) { o.BindAddressHardFail = true }},
	{id: "A20", flag: "profiling", set: func(o *Options) { o.Profiling = true }},
	{id: "A21", flag: "show-hidden-metrics-for-version", value: "1.36", verdict: warned, warning: "no metrics are hidden"},
	{id: "A22", flag: "proxy-mode", value: "ipvs", set: func(*Options) {}},
	{id: "A23", flag: "iptables-masquerade-bit", value: "15", set: func(o *Options) { o.Kernel.Rules.Mark = 1 << 15 }},
	{id: "A24", flag: "masquerade-all", set: func(o *Options) { o.Kernel.Rules.MasqueradeAll = true }},
	{id: "A25", flag: "iptables-localhost-nodeports", verdict: warned, warning: "loopback"},
	{id: "A26", flag: "iptables-sync-period", value: "1m", verdict: quiet},
	{id: "A26", flag: "iptables-min-sync-period", value: "2s", verdict: quiet},
	{id: "A27", flag: "ipvs-sync-period", value: "1m", set: func(o *Options) { o.Proxier.SyncPeriod = time.Minute }},
	{id: "A28", flag: "ipvs-min-sync-period", value: "2s", set: func(o *Options) { o.Proxier.MinSyncPeriod = 2 * time.Second }},
	{id: "A29", flag: "ipvs-scheduler", value: "mh", set: func(o *Options) { o.Kernel.Scheduler, o.Proxier.Scheduler = "mh", "mh" }},
	{id: "A30", flag: "ipvs-exclude-cidrs", value: "10.9.0.0/16", set: func(o *Options) { o.Kernel.ExcludeCIDRs = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} }},
	{id: "A31", flag: "ipvs-strict-arp", set: func(o *Options) { o.Kernel.StrictARP = true }},
	{id: "A32", flag: "ipvs-tcp-timeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.TCP = time.Hour }},
	{id: "A32", flag: "ipvs-tcpfin-timeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.TCPFin = time.Hour }},
	{id: "A32", flag: "ipvs-udp-timeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.UDP = time.Hour }},
	{id: "A33", flag: "detect-local-mode", value: "NodeCIDR", set: func(o *Options) { o.Kernel.Rules.Pods.Listed = true }},
	{id: "A34", flag: "cluster-cidr", value: "10.1.2.3/16", set: func(o *Options) { withPods(o, "10.1.0.0/16") }},
	{id: "A35", flag: "pod-bridge-interface", value: "cni0", also: "--detect-local-mode=BridgeInterface", set: func(o *Options) { withInterface(o, "cni0") }},
	{id: "A36", flag: "pod-interface-name-prefix", value: "cali", also: "--detect-local-mode=InterfaceNamePrefix", set: func(o *Options) { withInterface(o, "cali+") }},
	{id: "A37", flag: "nodeport-addresses", value: "primary,10.0.0.0/8", set: func(o *Options) {
		o.Proxier.NodePorts.Primary, o.Proxier.NodePorts.Within = true, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}},
	{id: "A38", flag: "oom-score-adj", value: "-5", set: func(o *Options) { o.OOMScoreAdj = -5 }},
	{id: "A39", flag: "conntrack-max-per-core", value: "1", set: func(o *Options) { o.Conntrack.MaxPerCore = 1 }},
	{id: "A40", flag: "conntrack-min", value: "1", set: func(o *Options) { o.Conntrack.Min = 1 }},
	{id: "A42", flag: "conntrack-tcp-timeout-established", value: "1s", set: func(o *Options) { o.Conntrack.Established = time.Second }},
	{id: "A43", flag: "conntrack-tcp-timeout-close-wait", value: "1s", set: func(o *Options) { o.Conntrack.CloseWait = time.Second }},
	{id: "A44", flag: "conntrack-tcp-be-liberal", set: func(o *Options) { o.Conntrack.BeLiberal = true }},
	{id: "A45", flag: "conntrack-udp-timeout", value: "1s", set: func(o *Options) { o.Conntrack.UDP = time.Second }},
	{id: "A46", flag: "conntrack-udp-timeout-stream", value: "1s", set: func(o *Options) { o.Conntrack.UDPStream = time.Second }},
	{id: "A47", flag: "config-sync-period", value: "1m", set: func(o *Options) {}},
	{id: "A48", flag: "v", value: "4", set: func(o *Options) { o.Verbosity = 4 }},
	{id: "A48", flag: "vmodule", value: "a=1,b*=2", set: func(o *Options) { o.VModule = "a=1,b*=2" }},
	{id: "A48", flag: "log-flush-frequency", value: "1s", verdict: quiet},
	{id: "A48", flag: "logging-format", value: "json", set: func(o *Options) { o.LogFormat = "json" }},
	{id: "A48", flag: "log-text-split-stream", verdict: warned, warning: "standard error"},
	{id: "A48", flag: "log-text-info-buffer-size", value: "1Ki", verdict: warned, warning: "standard error"},
	{id: "A48", flag: "log-json-split-stream", verdict: warned, warning: "standard error"},
	{id: "A48", flag: "log-json-info-buffer-size", value: "1Ki", verdict: warned, warning: "standard error"},
	{id: "A49", flag: "boot-id-file", value: "f", verdict: quiet},
	{id: "A49", flag: "machine-id-file", value: "f", verdict: quiet},
	{id: "A50", flag: "help", set: func(o *Options) { *o = Options{Verb: Help} }},

	{id: "A.4", flag: "cleanup-ipvs", verdict: warned, warning: "--cleanup"},
	{id: "A.4", flag: "proxy-port-range", value: "1-2", verdict: warned, warning: "userspace"},
	{id: "A.4", flag: "udp-timeout", value: "250ms", verdict: warned, warning: "userspace"},
	{id: "A.4", flag: "cleanup-iptables", verdict: rejected, warning: "--cleanup"},
	{id: "A.4", flag: "resource-container", value: "/x", verdict: rejected, warning: "remove it"},
	{id: "A.4", flag: "add-dir-header", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "alsologtostderr", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "log-backtrace-at", value: "x:1", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "log-dir", value: "/x", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "log-file", value: "/x", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "log-file-max-size", value: "1", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "logtostderr", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "one-output", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "skip-headers", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "skip-log-headers", verdict: warned, warning: "standard error"},
	{id: "A.4", flag: "stderrthreshold", value: "2", verdict: warned, warning: "standard error"},

	{id: "ours", flag: "drain-timeout", value: "90s", set: func(o *Options) { o.Proxier.DrainTimeout = 90 * time.Second }},
	{id: "ours", flag: "rules", value: "nftables", set: func(o *Options) { o.Kernel.Backend = rules.NFTables }},
	{id: "ours", flag: "accept-service-traffic", value: "never", set: func(o *Options) { o.Kernel.Accept = rules.AcceptNever }},
	{id: "B155", flag: "serve-node-addresses", value: "false", set: func(o *Options) { o.Proxier.ServeNodeAddresses = false }},
	{id: "ours", flag: "service-external-ip-range", value: "198.51.100.0/24", set: func(o *Options) {
		o.Proxier.Ranges.External = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	}},
	{id: "ours", flag: "loadbalancer-ip-range", value: "203.0.113.7,fd00::/64", set: func(o *Options) {
		o.Proxier.Ranges.LoadBalancer = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("fd00::/64")}
	}},
	{id: "ours", flag: "alias-range", value: "100.96.0.0/11,fd00:a11a::/32", set: func(o *Options) {
		ranges := []netip.Prefix{netip.MustParsePrefix("100.96.0.0/11"), netip.MustParsePrefix("fd00:a11a::/32")}
		o.Kernel.Rules.AliasRanges, o.Proxier.Ranges.Aliases = ranges, ranges
	}},
	{id: "ours", flag: "exclude-service-cidrs", value: "10.96.0.10,fd00::/64", set: func(o *Options) {
		o.Proxier.Ranges.ExcludeServices = []netip.Prefix{netip.MustParsePrefix("10.96.0.10/32"), netip.MustParsePrefix("fd00::/64")}
	}},
	{id: "ours", flag: "service-metrics", value: "500", set: func(o *Options) { o.Proxier.ServiceMetrics = 500 }},
	{id: "ours", flag: "dry-run", set: func(o *Options) { o.DryRun = true }},
	{id: "ours", flag: "output", value: "json", set: func(o *Options) { o.Output = "json" }},
	{id: "ours", flag: "restore-sysctls", set: func(o *Options) { o.Kernel.RestoreSysctls = true }},
	{id: "ours", flag: "takeover", value: "false", set: func(o *Options) { o.Proxier.Takeover = false }},
}

func isEmpty(arg string) bool { return arg == "" }

func TestEveryFlag(t *testing.T) {
	for _, c := range flagCases {
		t.Run(c.flag, func(t *testing.T) {
			arg := "--" + c.flag
			if c.value != "" {
				arg += "=" + c.value
			}
			o, err := Parse(slices.DeleteFunc([]string{arg, c.also}, isEmpty), hostname)
			if c.verdict == rejected {
				if err == nil || !strings.Contains(err.Error(), "--"+c.flag+": ") || !strings.Contains(err.Error(), c.warning) {
					t.Errorf("rejected with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.verdict == warned || c.verdict == outdated {
				if len(o.Warnings) != 1 || !strings.HasPrefix(o.Warnings[0], "--"+c.flag+": ") || !strings.Contains(o.Warnings[0], c.warning) {
					t.Errorf("warnings: %q", o.Warnings)
				}
				o.Warnings = nil
			}
			want := defaults()
			if c.set != nil {
				c.set(&want)
			}
			expectOptions(t, o, want)
		})
	}
}

func TestEveryFlagIsTested(t *testing.T) {
	var have, tested []string
	for _, s := range settings {
		if s.flag != "" {
			have = append(have, s.flag)
		}
	}
	for _, c := range flagCases {
		tested = append(tested, c.flag)
	}
	slices.Sort(have)
	slices.Sort(tested)
	if !slices.Equal(have, tested) {
		t.Errorf("flags:\n%q\ntested:\n%q", have, tested)
	}
}

func TestUnderscoresAreDashes(t *testing.T) {
	for _, c := range flagCases {
		if c.verdict == honoured && strings.Contains(c.flag, "-") {
			arg := "--" + strings.ReplaceAll(c.flag, "-", "_")
			if c.value != "" {
				arg += "=" + c.value
			}
			want := defaults()
			c.set(&want)
			expectOptions(t, mustParse(t, slices.DeleteFunc([]string{arg, c.also}, isEmpty)...), want)
		}
	}
}

func TestZeroAndDefaultsAskForNothing(t *testing.T) {
	o := mustParse(t, "--conntrack-max-per-core=0", "--conntrack-min=131072", "--conntrack-tcp-timeout-established=24h",
		"--conntrack-tcp-be-liberal=false", "--iptables-localhost-nodeports=false", "--log-text-split-stream=false")
	if o.Warnings != nil {
		t.Errorf("warnings: %q", o.Warnings)
	}
}
