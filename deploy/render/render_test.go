package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	lint3 "helm.sh/helm/v3/pkg/lint"
	lint4 "helm.sh/helm/v4/pkg/chart/v2/lint"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const chart = "../chart"

// helms are the versions that people have.
var helms = map[string]func(string, map[string]any) (string, error){"Helm 3": helm3, "Helm 4": helm4}

func TestManifestsAreUpToDate(t *testing.T) {
	if err := run("..", true); err != nil {
		t.Fatal(err)
	}
}

func TestStaleManifestIsNamed(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	values := filepath.Join(folder, "chart", "values.yaml")
	text, err := os.ReadFile(values)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(values, []byte(strings.Replace(string(text), "verbosity: 2", "verbosity: 3", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(folder, true); err == nil || !strings.HasPrefix(err.Error(), "install.yaml is not what the chart makes") {
		t.Errorf("with other values: %v", err)
	}
	if err := run(folder, false); err != nil {
		t.Fatal(err)
	}
	if err := run(folder, true); err != nil {
		t.Errorf("after they were written: %v", err)
	}
}

// valueFiles are all that we ship, by name.
func valueFiles(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	all := map[string]map[string]any{}
	for _, f := range append(files, "install-values.yaml", "uninstall-values.yaml") {
		values, err := readValues(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = values
	}
	return all
}

func TestHelm3And4RenderTheSame(t *testing.T) {
	for name, values := range valueFiles(t) {
		old, err := helm3(chart, values)
		if err != nil {
			t.Fatalf("%s: Helm 3: %v", name, err)
		}
		now, err := helm4(chart, values)
		if err != nil {
			t.Fatalf("%s: Helm 4: %v", name, err)
		}
		if old != now {
			t.Errorf("%s: Helm 3 makes\n%s\nHelm 4 makes\n%s", name, old, now)
		}
	}
}

func TestLint(t *testing.T) {
	for name, values := range valueFiles(t) {
		for _, m := range lint3.All(chart, values, namespace, true).Messages {
			if !strings.Contains(m.Error(), "icon is recommended") {
				t.Errorf("%s: Helm 3: %v", name, m)
			}
		}
		for _, m := range lint4.RunAll(chart, values, namespace).Messages {
			if !strings.Contains(m.Error(), "icon is recommended") {
				t.Errorf("%s: Helm 4: %v", name, m)
			}
		}
	}
}

// TestValuesThatCannotWork gives one value each that is not right, in the way of a file of values.
func TestValuesThatCannotWork(t *testing.T) {
	const host = "apiServer: {host: 192.0.2.10}\n"
	for _, test := range []struct{ name, values, complaint string }{
		{"nothing", "", "apiServer.host: must name the API server"},
		{"two addresses", host + "existingConfigMap: {name: kube-proxy}", "say one of the two"},
		{"a URL", "apiServer: {host: 'https://192.0.2.10'}", "/apiServer/host"},
		{"the Service by name", "apiServer: {host: kubernetes.default.svc}", "/apiServer/host"},
		{"a port as text", "apiServer: {host: 192.0.2.10, port: https}", "/apiServer/port"},
		{"a misspelt value", host + "tolerration: []", "tolerration"},
		{"a misspelt field", host + "config: {ipvs: {schedular: rr}}", "schedular"},
		{"another mode", host + "config: {mode: iptables}", "/config/mode"},
		{"a field of other modes", host + "config: {nftables: {}}", "nftables"},
		{"a kubeconfig that is not mounted", host + "config: {clientConnection: {kubeconfig: /etc/k}}", "kubeconfig"},
		{"no CIDR", host + "config: {clusterCIDR: 10.244.0.0}", "/config/clusterCIDR"},
		{"three CIDRs", host + "config: {clusterCIDR: '10.0.0.0/8,fd00::/64,10.1.0.0/16'}", "/config/clusterCIDR"},
		{"no duration", host + "config: {ipvs: {syncPeriod: 30}}", "/config/ipvs/syncPeriod"},
		{"a bit too far", host + "config: {iptables: {masqueradeBit: 32}}", "/config/iptables/masqueradeBit"},
		{"a port alone", host + "config: {healthzBindAddress: '10256'}", "/config/healthzBindAddress"},
		{"two Pods on a node", host + "updateStrategy: {rollingUpdate: {maxSurge: 1}}", "/updateStrategy/rollingUpdate/maxSurge"},
		{"no Pod may go", host + "updateStrategy: {rollingUpdate: {maxUnavailable: 0}}", "/updateStrategy/rollingUpdate/maxUnavailable"},
		{"a flag that the chart sets", host + "extraArgs: [--config=/x]", "/extraArgs/0"},
		{"a flag that ends the daemon", host + "extraArgs: [--cleanup]", "/extraArgs/0"},
		{"no flag", host + "extraArgs: [ipvs]", "/extraArgs/0"},
		{"another backend", host + "iptablesBackend: ebtables", "/iptablesBackend"},
		{"half a digest", host + "image: {digest: 'sha256:12'}", "/image/digest"},
	} {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(test.values), &values); err != nil {
			t.Fatal(err)
		}
		for name, render := range helms {
			_, err := render(chart, values)
			if err == nil || !strings.Contains(err.Error(), test.complaint) {
				t.Errorf("%s: %s says %v, want something about %s", test.name, name, err, test.complaint)
			}
		}
	}
}

func TestKustomize(t *testing.T) {
	build := func(folder string) string {
		t.Helper()
		objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
		if err != nil {
			t.Fatal(err)
		}
		text, err := objects.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if base := build("../kustomize/base"); !strings.Contains(base, "apiServerHost: api-server.invalid\n") {
		t.Errorf("the base has no place for the API server's address:\n%s", base)
	}
	if example := build("../kustomize/example"); !strings.Contains(example, "apiServerHost: 192.0.2.10\n") || strings.Contains(example, "invalid") {
		t.Errorf("the example says something else than its patch:\n%s", example)
	}
}
