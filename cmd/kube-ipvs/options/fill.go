package options

import (
	"net/netip"
	"reflect"
	"strings"

	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// filler carries the value of a setting, as it is said at last, into the options.
// It notes what cannot be used.
type filler func(r *reading, s setting, o *Options)

// into carries a value as it is into fields of the options, whose type may differ
// from that in the configuration file by what Go converts.
func into[T any](fields ...func(*Options) *T) filler {
	return func(r *reading, s setting, o *Options) {
		to := reflect.TypeFor[T]()
		for _, field := range fields {
			reflect.ValueOf(field(o)).Elem().Set(plain(r.value(s)).Convert(to))
		}
	}
}

// value points to what is said of a setting, in the file or by a flag.
func (r *reading) value(s setting) any {
	if s.own != nil {
		return r.line.own[s.flag]
	}
	return lookup(r.config, s.field)
}

// The ways to tell Pods of this node from other clients.
const (
	byClusterCIDR     v1alpha1.LocalMode = "ClusterCIDR"
	byNodeCIDR        v1alpha1.LocalMode = "NodeCIDR"
	byBridge          v1alpha1.LocalMode = "BridgeInterface"
	byInterfacePrefix v1alpha1.LocalMode = "InterfaceNamePrefix"
)

// resolve checks every value and fills in the options.
func (r *reading) resolve() (o Options) {
	setDefaultTexts(r.config)
	for _, s := range settings {
		if s.check == nil {
			continue
		}
		if must := s.check(r, plain(r.value(s))); must != "" {
			r.bad(s, must)
		}
	}
	for _, s := range settings {
		if s.fill != nil {
			s.fill(r, s, &o)
		}
	}
	r.combine(&o)
	o.Verb, o.Config = r.verb(), *r.config
	return o
}

// combine fills in what more than one setting decides about.
func (r *reading) combine(o *Options) {
	o.Kernel.Rules.Pods = r.pods(o.Proxier.Ranges.Cluster)
	o.Proxier.PodsOfNode = o.Kernel.Rules.Pods.Interface == ""
	ranges := r.aliasRanges(o.Proxier.Ranges.Cluster)
	o.Kernel.Rules.AliasRanges, o.Proxier.Ranges.Aliases = ranges, ranges

	c := r.config
	everywhere, loopback := "0.0.0.0", "127.0.0.1"
	if ip, err := netip.ParseAddr(c.BindAddress); err == nil && ip.Is6() {
		everywhere, loopback = "::", "::1"
	}
	c.HealthzBindAddress = r.listenAddress(listener{"healthzBindAddress", everywhere, healthzPort, "healthz-port"})
	c.MetricsBindAddress = r.listenAddress(listener{"metricsBindAddress", loopback, metricsPort, "metrics-port"})
	o.HealthzAddress, o.MetricsAddress = c.HealthzBindAddress, c.MetricsBindAddress
	for _, text := range []string{o.HealthzAddress, o.MetricsAddress} {
		if at, err := netip.ParseAddrPort(text); err == nil { // else it does not listen
			o.Proxier.OwnPorts = append(o.Proxier.OwnPorts, at)
		}
	}
}

// pods says how Pods of this node are told from other clients.
func (r *reading) pods(cidrs []netip.Prefix) rules.Pods {
	switch local := r.config.DetectLocal; r.config.DetectLocalMode {
	case byNodeCIDR:
		return rules.Pods{Listed: true}
	case byBridge:
		return rules.Pods{Interface: local.BridgeInterface}
	case byInterfacePrefix:
		return rules.Pods{Interface: local.InterfaceNamePrefix + "+"}
	}
	return rules.Pods{CIDRs: cidrs}
}

// fillMark marks by a usable bit even when the given one is wrong, which does not
// prevent a cleanup.
func fillMark(r *reading, s setting, o *Options) {
	bit := *r.config.IPTables.MasqueradeBit
	if bit < 0 || bit > 31 {
		r.bad(s, "must be from 0 to 31")
		bit = masqueradeBit
	}
	o.Kernel.Rules.Mark = 1 << bit
}

func fillVModule(r *reading, s setting, o *Options) { o.VModule = show(r.value(s)) }

// fillNodeName has it lower case and without spaces around it, as in kube-proxy
// and in the kubelet.
func fillNodeName(r *reading, s setting, o *Options) {
	if given := r.config.HostnameOverride; given != "" {
		o.Proxier.NodeName = strings.ToLower(strings.TrimSpace(given))
		if o.Proxier.NodeName == "" {
			r.bad(s, "must not be blank")
		}
		return
	}
	host, err := r.hostname()
	o.Proxier.NodeName = strings.ToLower(strings.TrimSpace(host))
	switch {
	case err != nil:
		r.problem(s.field, "host name: %v; give --hostname-override", err)
	case o.Proxier.NodeName == "":
		r.problem(s.field, "host name: empty; give --hostname-override")
	}
}
