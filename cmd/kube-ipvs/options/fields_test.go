package options

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/kube-proxy/config/v1alpha1"
)

// fieldCases is every field of the configuration file, as flagCases is every
// flag.
var fieldCases = []struct {
	field, value string
	verdict      verdict
	also         string // another line, without which this field says nothing
	set          func(*Options)
	warning      string
}{
	{field: "apiVersion", value: "kubeproxy.config.k8s.io/v1alpha1", set: func(*Options) {}},
	{field: "kind", value: "KubeProxyConfiguration", set: func(*Options) {}},
	{field: "featureGates", value: "{AllowServiceExternalIPs: false}", set: func(o *Options) { o.Proxier.IgnoreExternalIPs = true }},
	{field: "clientConnection.kubeconfig", value: "k", set: func(o *Options) { o.API.Kubeconfig = "k" }},
	{field: "clientConnection.acceptContentTypes", value: "text/x", set: func(o *Options) { o.API.AcceptContentTypes = "text/x" }},
	{field: "clientConnection.contentType", value: "application/json", set: func(o *Options) { o.API.ContentType = "application/json" }},
	{field: "clientConnection.qps", value: "2.5", set: func(o *Options) { o.API.QPS = 2.5 }},
	{field: "clientConnection.burst", value: "7", set: func(o *Options) { o.API.Burst = 7 }},
	{field: "logging.format", value: "json", set: func(o *Options) { o.LogFormat = "json" }},
	{field: "logging.flushFrequency", value: "1s", verdict: quiet},
	{field: "logging.verbosity", value: "4", set: func(o *Options) { o.Verbosity = 4 }},
	{field: "logging.vmodule", value: "[{filePattern: a, verbosity: 2}]", set: func(o *Options) { o.VModule = "a=2" }},
	{field: "logging.options.text.splitStream", value: "true", verdict: warned, warning: "standard error"},
	{field: "logging.options.text.infoBufferSize", value: "1Ki", verdict: warned, warning: "standard error"},
	{field: "logging.options.json.splitStream", value: "true", verdict: warned, warning: "standard error"},
	{field: "logging.options.json.infoBufferSize", value: "1Ki", verdict: warned, warning: "standard error"},
	{field: "hostnameOverride", value: "N2", set: func(o *Options) { o.Proxier.NodeName = "n2" }},
	{field: "bindAddress", value: "192.0.2.9", set: func(o *Options) { o.Proxier.NodePorts.Chosen = netip.MustParseAddr("192.0.2.9") }},
	{field: "healthzBindAddress", value: "192.0.2.9:7", set: func(o *Options) { withListeners(o, "192.0.2.9:7", o.MetricsAddress) }},
	{field: "metricsBindAddress", value: "192.0.2.9:7", set: func(o *Options) { withListeners(o, o.HealthzAddress, "192.0.2.9:7") }},
	{field: "bindAddressHardFail", value: "true", set: func(o *Options) { o.BindAddressHardFail = true }},
	{field: "enableProfiling", value: "true", set: func(o *Options) { o.Profiling = true }},
	{field: "showHiddenMetricsForVersion", value: `"1.36"`, verdict: warned, warning: "no metrics are hidden"},
	{field: "mode", value: "ipvs", set: func(*Options) {}},
	{field: "iptables.masqueradeBit", value: "15", set: func(o *Options) { o.Kernel.Rules.Mark = 1 << 15 }},
	{field: "iptables.masqueradeAll", value: "true", set: func(o *Options) { o.Kernel.Rules.MasqueradeAll = true }},
	{field: "iptables.localhostNodePorts", value: "true", verdict: warned, warning: "loopback"},
	{field: "iptables.syncPeriod", value: "1m", verdict: quiet},
	{field: "iptables.minSyncPeriod", value: "2s", verdict: quiet},
	{field: "ipvs.syncPeriod", value: "1m", set: func(o *Options) { o.Proxier.SyncPeriod = time.Minute }},
	{field: "ipvs.minSyncPeriod", value: "2s", set: func(o *Options) { o.Proxier.MinSyncPeriod = 2 * time.Second }},
	{field: "ipvs.scheduler", value: "mh", set: func(o *Options) { o.Kernel.Scheduler, o.Proxier.Scheduler = "mh", "mh" }},
	{field: "ipvs.excludeCIDRs", value: "[10.9.0.0/16]", set: func(o *Options) { o.Kernel.ExcludeCIDRs = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} }},
	{field: "ipvs.strictARP", value: "true", set: func(o *Options) { o.Kernel.StrictARP = true }},
	{field: "ipvs.tcpTimeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.TCP = time.Hour }},
	{field: "ipvs.tcpFinTimeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.TCPFin = time.Hour }},
	{field: "ipvs.udpTimeout", value: "1h", set: func(o *Options) { o.Kernel.Timeouts.UDP = time.Hour }},
	{field: "nftables.masqueradeBit", value: "15", verdict: quiet},
	{field: "nftables.masqueradeAll", value: "true", verdict: quiet},
	{field: "nftables.syncPeriod", value: "1m", verdict: quiet},
	{field: "nftables.minSyncPeriod", value: "2s", verdict: quiet},
	{field: "winkernel.networkName", value: "x", verdict: quiet},
	{field: "winkernel.sourceVip", value: "x", verdict: quiet},
	{field: "winkernel.enableDSR", value: "true", verdict: quiet},
	{field: "winkernel.rootHnsEndpointName", value: "x", verdict: quiet},
	{field: "winkernel.forwardHealthCheckVip", value: "true", verdict: quiet},
	{field: "detectLocalMode", value: "NodeCIDR", set: func(o *Options) { o.Kernel.Rules.Pods.Listed = true }},
	{field: "detectLocal.bridgeInterface", value: "cni0", also: "detectLocalMode: BridgeInterface", set: func(o *Options) { withInterface(o, "cni0") }},
	{field: "detectLocal.interfaceNamePrefix", value: "cali", also: "detectLocalMode: InterfaceNamePrefix", set: func(o *Options) { withInterface(o, "cali+") }},
	{field: "clusterCIDR", value: "10.1.2.3/16", set: func(o *Options) { withPods(o, "10.1.0.0/16") }},
	{field: "nodePortAddresses", value: "[primary, 10.0.0.0/8]", set: func(o *Options) {
		o.Proxier.NodePorts.Primary, o.Proxier.NodePorts.Within = true, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}},
	{field: "oomScoreAdj", value: "-5", set: func(o *Options) { o.OOMScoreAdj = -5 }},
	{field: "conntrack.maxPerCore", value: "1", set: func(o *Options) { o.Conntrack.MaxPerCore = 1 }},
	{field: "conntrack.min", value: "1", set: func(o *Options) { o.Conntrack.Min = 1 }},
	{field: "conntrack.tcpEstablishedTimeout", value: "1s", set: func(o *Options) { o.Conntrack.Established = time.Second }},
	{field: "conntrack.tcpCloseWaitTimeout", value: "1s", set: func(o *Options) { o.Conntrack.CloseWait = time.Second }},
	{field: "conntrack.tcpBeLiberal", value: "true", set: func(o *Options) { o.Conntrack.BeLiberal = true }},
	{field: "conntrack.udpTimeout", value: "1s", set: func(o *Options) { o.Conntrack.UDP = time.Second }},
	{field: "conntrack.udpStreamTimeout", value: "1s", set: func(o *Options) { o.Conntrack.UDPStream = time.Second }},
	{field: "configSyncPeriod", value: "1m", set: func(o *Options) {}},
	{field: "portRange", value: `"1-2"`, verdict: quiet},
	{field: "windowsRunAsService", value: "true", verdict: quiet},
}

// nested is the YAML that sets one field.
func nested(field, value string) string {
	head, rest, deeper := strings.Cut(field, ".")
	if deeper {
		return head + ": {" + nested(rest, value) + "}"
	}
	return head + ": " + value
}

func TestEveryField(t *testing.T) {
	for _, c := range fieldCases {
		t.Run(c.field, func(t *testing.T) {
			if c.field == "apiVersion" || c.field == "kind" {
				return // every file of these tests has them
			}
			conf := file(t, nested(c.field, c.value), c.also)
			o := mustParse(t, "--config", conf)
			if c.verdict == warned {
				want := conf + ": " + c.field + ": without effect: "
				if len(o.Warnings) != 1 || !strings.HasPrefix(o.Warnings[0], want) || !strings.Contains(o.Warnings[0], c.warning) {
					t.Errorf("warnings: %q", o.Warnings)
				}
				o.Warnings = nil
			}
			want := defaults()
			want.ConfigFile = conf
			if c.set != nil {
				c.set(&want)
			}
			expectOptions(t, o, want)
		})
	}
}

// A field that is new in kube-proxy's API fails here until there is a decision
// about it.
func TestEveryFieldHasAVerdict(t *testing.T) {
	have := leaves(reflect.TypeFor[v1alpha1.KubeProxyConfiguration](), "")
	var tested []string
	for _, c := range fieldCases {
		tested = append(tested, c.field)
	}
	slices.Sort(have)
	slices.Sort(tested)
	if !slices.Equal(have, tested) {
		t.Errorf("fields:\n%s\ntested:\n%s", strings.Join(have, "\n"), strings.Join(tested, "\n"))
	}
	for _, field := range have {
		if field == "apiVersion" || field == "kind" {
			continue
		}
		if !slices.ContainsFunc(settings, func(s setting) bool {
			return s.field == field || s.field != "" && strings.HasPrefix(field, s.field+".")
		}) {
			t.Errorf("no setting for %s", field)
		}
	}
	for _, s := range settings {
		if s.field != "" {
			lookup(new(v1alpha1.KubeProxyConfiguration), s.field) // panics if there is none
		}
	}
}

// leaves are the paths of all fields below a struct; types that have a JSON of
// their own are one field.
func leaves(of reflect.Type, prefix string) []string {
	var all []string
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		path := strings.TrimPrefix(prefix+"."+name, ".")
		if name == "" {
			path = prefix
		}
		if f.Type.Kind() == reflect.Struct && !reflect.PointerTo(f.Type).Implements(reflect.TypeFor[interface{ UnmarshalJSON([]byte) error }]()) {
			all = append(all, leaves(f.Type, path)...)
			continue
		}
		all = append(all, path)
	}
	return all
}
