package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
)

func hostname() (string, error) { return " Node-1\n", nil }

// defaults is what a bare command line means.
func defaults() options {
	return options{
		Verb:             verbRun,
		Takeover:         true,
		Output:           "text",
		ContentType:      "application/vnd.kubernetes.protobuf",
		QPS:              5,
		Burst:            10,
		ConfigSyncPeriod: 15 * time.Minute,
		NodeName:         "node-1",
		DetectLocal:      "ClusterCIDR",
		MasqueradeBit:    14,
		ExternalIPs:      true,
		Accept:           kernel.AcceptAuto,
		Scheduler:        "rr",
		SyncPeriod:       30 * time.Second,
		DrainTimeout:     15 * time.Minute,

		ServeNodeAddresses: true,

		HealthzAddress: "0.0.0.0:10256",
		MetricsAddress: "127.0.0.1:10249",
		OOMScoreAdj:    -999,
		LogFormat:      "text",
		Conntrack:      host.Conntrack{MaxPerCore: 32768, Min: 131072, Established: 24 * time.Hour, CloseWait: time.Hour},
	}
}

func mustParse(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(args, hostname)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return o
}

func expectOptions(t *testing.T, got, want options) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(options{}, "Config", "Flags", "Args", "ConfigText"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
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
	want.NodeName = "worker-3"
	want.Kubeconfig = "/var/lib/kube-proxy/kubeconfig.conf"
	want.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
	expectOptions(t, mustParse(t, "--config=testdata/kubeadm.conf", "--hostname-override=Worker-3"), want)
}

func TestVerbs(t *testing.T) {
	for args, want := range map[string]verb{
		"":                               verbRun,
		"--v=2":                          verbRun,
		"--cleanup":                      verbCleanup,
		"cleanup":                        verbCleanup,
		"--v=2 cleanup":                  verbCleanup,
		"cleanup --cleanup":              verbCleanup,
		"--cleanup=false":                verbRun,
		"--init-only":                    verbInit,
		"--init_only":                    verbInit,
		"--write-config-to=f":            verbWriteConfig,
		"--help":                         verbHelp,
		"-h":                             verbHelp,
		"--help --nonsense --v=x":        verbHelp,
		"--version":                      verbVersion,
		"--version=raw --proxy-mode=abc": verbVersion,
		"--version=false":                verbRun,
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
		o, err := parse(c.args, fails)
		if err != nil || o.NodeName != c.want {
			t.Errorf("%q: %q, %v", c.args, o.NodeName, err)
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
	if !slices.Equal(o.ExcludeCIDRs, want) {
		t.Errorf("exclude %v", o.ExcludeCIDRs)
	}
}

func TestWrittenConfigurationMeansTheSame(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	args := []string{
		"--cluster-cidr=10.1.0.0/16,fd00::/64", "--ipvs-scheduler=lc", "--ipvs-sync-period=1m",
		"--nodeport-addresses=primary", "--feature-gates=AllowServiceExternalIPs=false", "--healthz-bind-address=1.2.3.4", "--vmodule=a=1",
	}
	want := mustParse(t, args...)
	if err := mustParse(t, append(args, "--write-config-to", name)...).writeConfig(); err != nil {
		t.Fatal(err)
	}
	want.ConfigFile = name
	expectOptions(t, mustParse(t, "--config", name), want)
}

func TestStartLogging(t *testing.T) {
	t.Cleanup(func() { _ = options{}.startLogging() })
	if err := (options{Verbosity: 3, VModule: "options_test=7"}).startLogging(); err != nil {
		t.Fatal(err)
	}
	if !klog.V(7).Enabled() || klog.V(8).Enabled() {
		t.Error("vmodule does not count")
	}
	if err := (options{Verbosity: 3}).startLogging(); err != nil {
		t.Fatal(err)
	}
	if !klog.V(3).Enabled() || klog.V(4).Enabled() {
		t.Error("v does not count")
	}
}

// D34: the format is that of all of Kubernetes.
func TestJSONLogs(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = to
	err = mustParse(t, "--logging-format=json", "-v=3").startLogging()
	klog.V(3).InfoS("Heard", "node", "a")
	klog.V(4).InfoS("Not heard")
	klog.Flush()
	os.Stderr = stderr
	t.Cleanup(func() {
		if err := errors.Join(logsapi.ResetForTest(nil), options{}.startLogging()); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	var line struct{ Msg, Node string }
	lines := json.NewDecoder(from)
	if err := lines.Decode(&line); err != nil || line.Msg != "Heard" || line.Node != "a" {
		t.Errorf("%+v, %v", line, err)
	}
	if err := lines.Decode(&line); !errors.Is(err, io.EOF) {
		t.Errorf("then %+v, %v", line, err)
	}
}
