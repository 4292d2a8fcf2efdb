package options

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/apiserver"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

func hostname() (string, error) { return " Node-1\n", nil }

// defaults is what a bare command line means.
func defaults() Options {
	return Options{
		Verb:   Run,
		Output: "text",
		API:    apiserver.Config{ContentType: "application/vnd.kubernetes.protobuf", QPS: 5, Burst: 10},
		Proxier: proxier.Config{
			NodeName:           "node-1",
			Scheduler:          "rr",
			SyncPeriod:         30 * time.Second,
			Takeover:           true,
			PodsOfNode:         true,
			DrainTimeout:       15 * time.Minute,
			OwnPorts:           []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:10256"), netip.MustParseAddrPort("127.0.0.1:10249")},
			ServeNodeAddresses: true,
		},
		Kernel:         kernel.Config{Scheduler: "rr", Backend: rules.IPTables, Accept: rules.AcceptAuto, Rules: rules.Config{Mark: 1 << 14}},
		Conntrack:      host.Conntrack{MaxPerCore: 32768, Min: 131072, Established: 24 * time.Hour, CloseWait: time.Hour},
		HealthzAddress: "0.0.0.0:10256",
		MetricsAddress: "127.0.0.1:10249",
		OOMScoreAdj:    -999,
		LogFormat:      "text",
	}
}

// withPods has Pods be told by these networks.
func withPods(o *Options, cidrs ...string) {
	for _, text := range cidrs {
		o.Proxier.Ranges.Cluster = append(o.Proxier.Ranges.Cluster, netip.MustParsePrefix(text))
	}
	o.Kernel.Rules.Pods = rules.Pods{CIDRs: o.Proxier.Ranges.Cluster}
}

// withInterface has Pods be told by where their packets come in.
func withInterface(o *Options, name string) {
	o.Kernel.Rules.Pods, o.Proxier.PodsOfNode = rules.Pods{Interface: name}, false
}

func withListeners(o *Options, healthz, metrics string) {
	o.HealthzAddress, o.MetricsAddress, o.Proxier.OwnPorts = healthz, metrics, nil
	for _, text := range []string{healthz, metrics} {
		if text != "" {
			o.Proxier.OwnPorts = append(o.Proxier.OwnPorts, netip.MustParseAddrPort(text))
		}
	}
}

func mustParse(t *testing.T, args ...string) Options {
	t.Helper()
	o, err := Parse(args, hostname)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return o
}

func expectOptions(t *testing.T, got, want Options) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Options{}, "Config", "Flags", "Args", "ConfigText"), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

// file writes a configuration file with these lines below its head.
func file(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.conf")
	text := "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n" + strings.Join(lines, "\n")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaultsAreTheSameWithAndWithoutAFile(t *testing.T) {
	expectOptions(t, mustParse(t), defaults())
	want := defaults()
	want.ConfigFile = file(t)
	expectOptions(t, mustParse(t, "--config", want.ConfigFile), want)
}

func TestKubeadm(t *testing.T) {
	want := defaults()
	want.ConfigFile = "testdata/kubeadm.conf"
	want.Proxier.NodeName = "worker-3"
	want.API.Kubeconfig = "/var/lib/kube-proxy/kubeconfig.conf"
	withPods(&want, "10.244.0.0/16")
	expectOptions(t, mustParse(t, "--config=testdata/kubeadm.conf", "--hostname-override=Worker-3"), want)
}

func TestVerbs(t *testing.T) {
	for args, want := range map[string]Verb{
		"":                               Run,
		"--v=2":                          Run,
		"--cleanup":                      Cleanup,
		"cleanup":                        Cleanup,
		"--v=2 cleanup":                  Cleanup,
		"cleanup --cleanup":              Cleanup,
		"--cleanup=false":                Run,
		"--init-only":                    Init,
		"--init_only":                    Init,
		"--write-config-to=f":            WriteConfig,
		"--help":                         Help,
		"-h":                             Help,
		"--help --nonsense --v=x":        Help,
		"--version":                      Version,
		"--version=raw --proxy-mode=abc": Version,
		"--version=false":                Run,
	} {
		if got := mustParse(t, strings.Fields(args)...).Verb; got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

func TestListenAddresses(t *testing.T) {
	for _, c := range []struct{ args, file, healthz, metrics string }{
		{args: "--healthz-bind-address=", healthz: "", metrics: "127.0.0.1:10249"},
		{args: "--metrics-bind-address=", healthz: "0.0.0.0:10256", metrics: ""},
		{args: "--healthz-port=0 --metrics-port=0"},
		{args: "--healthz-port=81 --metrics-port=82", healthz: "0.0.0.0:81", metrics: "127.0.0.1:82"},
		{args: "--healthz-bind-address=1.2.3.4 --healthz-port=81", healthz: "1.2.3.4:81", metrics: "127.0.0.1:10249"},
		{args: "--healthz-bind-address=1.2.3.4:99 --healthz-port=81", healthz: "1.2.3.4:99", metrics: "127.0.0.1:10249"},
		{args: "--healthz-bind-address=:: --metrics-bind-address=[::1]:7", healthz: "[::]:10256", metrics: "[::1]:7"},
		{args: "--bind-address=fd00::1", healthz: "[::]:10256", metrics: "[::1]:10249"},
		{file: "bindAddress: '::'", healthz: "[::]:10256", metrics: "[::1]:10249"},
		{file: "healthzBindAddress: 1.2.3.4\nmetricsBindAddress: 0.0.0.0:7", healthz: "1.2.3.4:10256", metrics: "0.0.0.0:7"},
		{file: "healthzBindAddress: ''", args: "--healthz-port=0", healthz: "0.0.0.0:10256", metrics: "127.0.0.1:10249"},
	} {
		args := strings.Fields(c.args)
		if c.file != "" {
			args = append(args, "--config", file(t, c.file))
		}
		o := mustParse(t, args...)
		if o.HealthzAddress != c.healthz || o.MetricsAddress != c.metrics {
			t.Errorf("%q, file %q: healthz %q, metrics %q", c.args, c.file, o.HealthzAddress, o.MetricsAddress)
		}
		if o.Config.HealthzBindAddress != c.healthz {
			t.Errorf("%q: configuration in force says %q", c.args, o.Config.HealthzBindAddress)
		}
	}
}

func TestNodeName(t *testing.T) {
	fails := func() (string, error) { return "", errors.New("no name") }
	conf := file(t, "hostnameOverride: From-File")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--hostname-override", " N1 "}, "n1"},
		{[]string{"--config", conf}, "from-file"},
		{[]string{"--config", conf, "--hostname-override=N1"}, "n1"},
	} {
		o, err := Parse(c.args, fails)
		if err != nil || o.Proxier.NodeName != c.want {
			t.Errorf("%q: %q, %v", c.args, o.Proxier.NodeName, err)
		}
	}
}

func TestPatternsOfTheCommandLineComeFirst(t *testing.T) {
	conf := file(t, "logging: {verbosity: 4, vmodule: [{filePattern: b, verbosity: 2}]}")
	o := mustParse(t, "--config", conf, "--vmodule=a=1")
	if o.VModule != "a=1,b=2" || o.Verbosity != 4 {
		t.Errorf("vmodule %q, v %d", o.VModule, o.Verbosity)
	}
	if o = mustParse(t, "--config", conf, "-v=0"); o.Verbosity != 0 {
		t.Errorf("v %d", o.Verbosity)
	}
}

func TestListsGrowWithEachFlag(t *testing.T) {
	o := mustParse(t, "--ipvs-exclude-cidrs=10.0.0.1/8,fd00::/64", "--ipvs-exclude-cidrs=192.0.2.0/24")
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("192.0.2.0/24")}
	if !slices.Equal(o.Kernel.ExcludeCIDRs, want) {
		t.Errorf("exclude %v", o.Kernel.ExcludeCIDRs)
	}
}

func TestWrittenConfigurationMeansTheSame(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	args := []string{
		"--cluster-cidr=10.1.0.0/16,fd00::/64", "--ipvs-scheduler=lc", "--ipvs-sync-period=1m",
		"--nodeport-addresses=primary", "--feature-gates=AllowServiceExternalIPs=false", "--healthz-bind-address=1.2.3.4", "--vmodule=a=1",
	}
	want := mustParse(t, args...)
	if err := mustParse(t, append(args, "--write-config-to", name)...).WriteConfig(); err != nil {
		t.Fatal(err)
	}
	want.ConfigFile = name
	expectOptions(t, mustParse(t, "--config", name), want)
}

func TestTheFormOfACleanupIsChecked(t *testing.T) {
	if _, err := Parse([]string{"cleanup", "-o", "yaml"}, hostname); err == nil || err.Error() != `--output "yaml": must be text or json` {
		t.Errorf("got %v", err)
	}
	if o := mustParse(t, "cleanup", "--dry-run", "-o", "json", "--restore-sysctls"); !o.DryRun || o.Output != "json" || !o.Kernel.RestoreSysctls {
		t.Errorf("got %+v", o)
	}
}

func TestWordsAndFlagsSayTheSame(t *testing.T) {
	for word, flag := range map[string]string{"cleanup": "--cleanup", "init": "--init-only"} {
		expectOptions(t, mustParse(t, word, "--v=3"), mustParse(t, flag, "--v=3"))
	}
	if _, err := Parse([]string{"init", "cleanup"}, hostname); err == nil {
		t.Error("two verbs at a time are accepted")
	}
}
