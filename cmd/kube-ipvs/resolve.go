package main

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"

	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
)

var (
	// The kernel keeps a scheduler's name in 16 bytes, the last of them zero.
	schedulerName = regexp.MustCompile(`^[a-z0-9_-]{1,15}$`)
	minorVersion  = regexp.MustCompile(`^(\d+\.\d+)?$`)
	// A name of an interface has 15 bytes at most. A + would stand for any rest.
	interfaceName   = regexp.MustCompile(`^[^\s/+]{1,15}$`)
	interfacePrefix = regexp.MustCompile(`^[^\s/+]{1,14}$`)
)

// The ways to tell Pods of this node from other clients.
const (
	byClusterCIDR     v1alpha1.LocalMode = "ClusterCIDR"
	byNodeCIDR        v1alpha1.LocalMode = "NodeCIDR"
	byBridge          v1alpha1.LocalMode = "BridgeInterface"
	byInterfacePrefix v1alpha1.LocalMode = "InterfaceNamePrefix"
)

// resolve checks every value and turns the configuration into options.
func (r *reading) resolve(hostname func() (string, error)) options {
	c := r.config
	setDefaultTexts(c)
	r.check()
	o := options{
		Verb:          r.verb(),
		ConfigFile:    r.line.configFile,
		WriteConfigTo: r.line.writeConfigTo,
		Takeover:      r.line.takeover,

		DryRun:         r.line.dryRun,
		RestoreSysctls: r.line.restoreSysctls,
		Output:         r.output(),

		Leave:              r.networks("leave-addresses", r.line.leave),
		ExternalRanges:     r.networks("service-external-ip-range", r.line.externalRanges),
		LoadBalancerRanges: r.networks("loadbalancer-ip-range", r.line.loadBalancerRanges),
		ServeNodeAddresses: r.line.serveNodeAddresses,

		Kubeconfig:         c.ClientConnection.Kubeconfig,
		Master:             r.line.master,
		ContentType:        c.ClientConnection.ContentType,
		AcceptContentTypes: c.ClientConnection.AcceptContentTypes,
		QPS:                c.ClientConnection.QPS,
		Burst:              int(c.ClientConnection.Burst),
		ConfigSyncPeriod:   c.ConfigSyncPeriod.Duration,

		NodeName:          r.nodeName(hostname),
		NodeIP:            r.nodeIP(),
		DetectLocal:       c.DetectLocalMode,
		ClusterCIDRs:      r.clusterCIDRs(),
		BridgeInterface:   c.DetectLocal.BridgeInterface,
		InterfacePrefix:   c.DetectLocal.InterfaceNamePrefix,
		MasqueradeBit:     r.masqueradeBit(),
		MasqueradeAll:     c.IPTables.MasqueradeAll,
		Accept:            r.accept(),
		NodePortAddresses: r.nodePortAddresses(),
		ExternalIPs:       r.externalIPs(),

		Scheduler:     c.IPVS.Scheduler,
		SyncPeriod:    c.IPVS.SyncPeriod.Duration,
		MinSyncPeriod: c.IPVS.MinSyncPeriod.Duration,
		ExcludeCIDRs:  r.prefixes("ipvs.excludeCIDRs", c.IPVS.ExcludeCIDRs),
		StrictARP:     c.IPVS.StrictARP,
		TCPTimeout:    c.IPVS.TCPTimeout.Duration,
		TCPFinTimeout: c.IPVS.TCPFinTimeout.Duration,
		UDPTimeout:    c.IPVS.UDPTimeout.Duration,
		DrainTimeout:  r.drainTimeout(),

		Conntrack: conntrackOf(&c.Conntrack),
	}
	o.AliasRanges = r.aliasRanges(o.ClusterCIDRs)
	o.setProcess(r)
	o.setListeners(r)
	o.Config = *c
	return o
}

// setListeners fills in where health and metrics are served, in the options and
// in the configuration.
func (o *options) setListeners(r *reading) {
	c := r.config
	everywhere, loopback := "0.0.0.0", "127.0.0.1"
	if ip, err := netip.ParseAddr(c.BindAddress); err == nil && ip.Is6() {
		everywhere, loopback = "::", "::1"
	}
	c.HealthzBindAddress = r.listenAddress(listener{"healthzBindAddress", everywhere, healthzPort, "healthz-port", r.line.healthzPort})
	c.MetricsBindAddress = r.listenAddress(listener{"metricsBindAddress", loopback, metricsPort, "metrics-port", r.line.metricsPort})
	o.HealthzAddress, o.MetricsAddress = c.HealthzBindAddress, c.MetricsBindAddress
}

// setProcess fills in what is about the daemon as a process.
func (o *options) setProcess(r *reading) {
	c := r.config
	o.ServiceMetrics = r.serviceMetrics()
	o.BindAddressHardFail = c.BindAddressHardFail
	o.Profiling = c.EnableProfiling
	o.OOMScoreAdj = int(*c.OOMScoreAdj)
	o.LogFormat = c.Logging.Format
	o.Verbosity = int(c.Logging.Verbosity)
	o.VModule = show(&c.Logging.VModule)
}

// output is the form in which a cleanup tells what it does.
func (r *reading) output() string {
	if o := r.line.output; o != "text" && o != "json" {
		r.problem("", "--output %q: must be text or json", o)
	}
	return r.line.output
}

func conntrackOf(c *v1alpha1.KubeProxyConntrackConfiguration) host.Conntrack {
	return host.Conntrack{
		MaxPerCore:  int(*c.MaxPerCore),
		Min:         int(*c.Min),
		Established: c.TCPEstablishedTimeout.Duration,
		CloseWait:   c.TCPCloseWaitTimeout.Duration,
		UDP:         c.UDPTimeout.Duration,
		UDPStream:   c.UDPStreamTimeout.Duration,
		BeLiberal:   c.TCPBeLiberal,
	}
}

// check notes every value that is out of bounds.
func (r *reading) check() {
	c := r.config
	k, v, local := &c.Conntrack, &c.IPVS, &c.DetectLocal
	const notNegative, positive = "must not be negative", "must be greater than 0"
	for _, check := range []struct {
		field string
		fine  bool
		must  string
	}{
		{"mode", c.Mode == "" || c.Mode == "ipvs", otherProgram(c.Mode)},
		{"oomScoreAdj", within(*c.OOMScoreAdj, -1000, 1000), "must be from -1000 to 1000"},
		{"clientConnection.burst", c.ClientConnection.Burst >= 0, notNegative},
		{"configSyncPeriod", c.ConfigSyncPeriod.Duration > 0, positive},
		{
			"detectLocalMode", slices.Contains([]v1alpha1.LocalMode{byClusterCIDR, byNodeCIDR, byBridge, byInterfacePrefix}, c.DetectLocalMode),
			"must be ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix",
		},
		{
			"detectLocal.bridgeInterface", c.DetectLocalMode != byBridge || interfaceName.MatchString(local.BridgeInterface),
			"must name an interface for " + r.name("detectLocalMode") + " BridgeInterface, with at most 15 characters",
		},
		{
			"detectLocal.interfaceNamePrefix",
			c.DetectLocalMode != byInterfacePrefix || interfacePrefix.MatchString(local.InterfaceNamePrefix),
			"must be a prefix of names of interfaces for " + r.name("detectLocalMode") + " InterfaceNamePrefix, with at most 14 characters",
		},
		{"ipvs.scheduler", schedulerName.MatchString(v.Scheduler), "must be the name of an IPVS scheduler, such as rr, lc or mh"},
		{"ipvs.syncPeriod", v.SyncPeriod.Duration > 0, positive},
		{"ipvs.minSyncPeriod", v.MinSyncPeriod.Duration >= 0, notNegative},
		{
			"ipvs.minSyncPeriod", v.SyncPeriod.Duration <= 0 || v.MinSyncPeriod.Duration <= v.SyncPeriod.Duration,
			"must not be longer than " + r.name("ipvs.syncPeriod") + ", " + v.SyncPeriod.Duration.String(),
		},
		{"ipvs.tcpTimeout", v.TCPTimeout.Duration >= 0, notNegative},
		{"ipvs.tcpFinTimeout", v.TCPFinTimeout.Duration >= 0, notNegative},
		{"ipvs.udpTimeout", v.UDPTimeout.Duration >= 0, notNegative},
		{"logging.format", c.Logging.Format == "text" || c.Logging.Format == "json", "must be text or json"},
		{"conntrack.maxPerCore", *k.MaxPerCore >= 0, notNegative},
		{"conntrack.min", *k.Min >= 0, notNegative},
		{"conntrack.tcpEstablishedTimeout", k.TCPEstablishedTimeout.Duration >= 0, notNegative},
		{"conntrack.tcpCloseWaitTimeout", k.TCPCloseWaitTimeout.Duration >= 0, notNegative},
		{"conntrack.udpTimeout", k.UDPTimeout.Duration >= 0, notNegative},
		{"conntrack.udpStreamTimeout", k.UDPStreamTimeout.Duration >= 0, notNegative},
		{"showHiddenMetricsForVersion", minorVersion.MatchString(c.ShowHiddenMetricsForVersion), "must be a version without patch, such as 1.36"},
	} {
		if !check.fine {
			r.bad(check.field, check.must)
		}
	}
}

func within(n, least, most int32) bool { return least <= n && n <= most }

// otherProgram says who has the mode that we do not have.
func otherProgram(mode v1alpha1.ProxyMode) string {
	switch mode {
	case "iptables", "nftables":
		return "must be ipvs or empty; for " + string(mode) + " run kube-proxy"
	case "kernelspace":
		return "must be ipvs or empty; for kernelspace run kube-proxy.exe on Windows"
	}
	return "must be ipvs or empty"
}

// masqueradeBit can be shifted by even when it is wrong, which does not keep
// anybody from cleaning up.
func (r *reading) masqueradeBit() int {
	bit := *r.config.IPTables.MasqueradeBit
	if !within(bit, 0, 31) {
		r.bad("iptables.masqueradeBit", "must be from 0 to 31")
		return 14
	}
	return int(bit)
}

func (r *reading) drainTimeout() time.Duration {
	d := r.line.drainTimeout.Duration
	if d < 0 {
		r.problem("", "--drain-timeout %q: must not be negative", d)
	}
	return d
}

func (r *reading) accept() kernel.Accept {
	a := kernel.Accept(r.line.acceptTraffic)
	if !slices.Contains([]kernel.Accept{kernel.AcceptAuto, kernel.AcceptAlways, kernel.AcceptNever}, a) {
		r.problem("", "--accept-service-traffic %q: must be auto, always or never", string(a))
	}
	return a
}

func (r *reading) serviceMetrics() int {
	n := r.line.serviceMetrics
	if n < 0 {
		r.problem("", `--service-metrics "%d": must not be negative`, n)
	}
	return int(n)
}

// nodeName is lower case and without spaces around it, as in kube-proxy and in
// the kubelet.
func (r *reading) nodeName(hostname func() (string, error)) string {
	if given := r.config.HostnameOverride; given != "" {
		name := strings.ToLower(strings.TrimSpace(given))
		if name == "" {
			r.bad("hostnameOverride", "must not be blank")
		}
		return name
	}
	host, err := hostname()
	name := strings.ToLower(strings.TrimSpace(host))
	switch {
	case err != nil:
		r.problem("hostnameOverride", "host name: %v; give --hostname-override", err)
	case name == "":
		r.problem("hostnameOverride", "host name: empty; give --hostname-override")
	}
	return name
}
