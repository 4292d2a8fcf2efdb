package options

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// workload is what we look at of the objects in deploy.
type workload struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct{ InitContainers, Containers []struct{ Args []string } }
		}
	}
}

// manifest reads the ConfigMap and the DaemonSet of a file in deploy.
func manifest(t *testing.T, name string) (config string, daemonSet workload) {
	t.Helper()
	text, err := os.Open("../../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = text.Close() }()
	for d := yaml.NewYAMLOrJSONDecoder(text, 4096); ; {
		var w workload
		if err := d.Decode(&w); err != nil {
			return config, daemonSet
		}
		switch w.Kind {
		case "ConfigMap":
			config = w.Data["config.conf"]
		case "DaemonSet":
			daemonSet = w
		}
	}
}

// TestManifestsAreUnderstood has the daemon read the arguments and the configuration of the manifests, without a warning.
func TestManifestsAreUnderstood(t *testing.T) {
	config, daemonSet := manifest(t, "install.yaml")
	conf := t.TempDir() + "/config.conf"
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	_, kubeadm := manifest(t, "kubeadm.yaml")
	_, uninstall := manifest(t, "uninstall.yaml")
	for _, c := range []struct {
		name, conf string
		args       []string
		verb       Verb
	}{
		{"install.yaml: init", conf, daemonSet.Spec.Template.Spec.InitContainers[0].Args, Init},
		{"install.yaml", conf, daemonSet.Spec.Template.Spec.Containers[0].Args, Run},
		{"kubeadm.yaml: init", "testdata/kubeadm.conf", kubeadm.Spec.Template.Spec.InitContainers[0].Args, Init},
		{"kubeadm.yaml", "testdata/kubeadm.conf", kubeadm.Spec.Template.Spec.Containers[0].Args, Run},
		{"uninstall.yaml", "", uninstall.Spec.Template.Spec.InitContainers[0].Args, Cleanup},
	} {
		var args []string
		for _, a := range c.args {
			a = strings.ReplaceAll(a, "$(NODE_NAME)", "n1")
			args = append(args, strings.ReplaceAll(a, "/var/lib/kube-proxy/config.conf", c.conf))
		}
		o, err := Parse(args, os.Hostname)
		if err != nil || o.Verb != c.verb || len(o.Warnings) > 0 {
			t.Errorf("%s: %q: %v, %v, warnings %q", c.name, args, o.Verb, err, o.Warnings)
		}
	}
}

// TestChartKnowsEveryField holds the schema of the chart to what a configuration file may say: what the daemon honours may be said
// there too, and nothing that it does not know.
func TestChartKnowsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/chart/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root schema
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	modes := root.Properties["config"].Properties["detectLocalMode"].Enum
	for _, m := range modes {
		lines := []string{"detectLocalMode: " + strconv.Quote(m.(string)), "detectLocal: {bridgeInterface: br0, interfaceNamePrefix: veth}"}
		if _, err := Parse([]string{"--config", file(t, lines...)}, os.Hostname); err != nil {
			t.Errorf("config.detectLocalMode %q of the schema: %v", m, err)
		}
	}
	if len(modes) < 2 {
		t.Errorf("config.detectLocalMode may be %q", modes)
	}
	elsewhere := map[string]string{
		"apiVersion": "is written by the chart", "kind": "is written by the chart",
		"hostnameOverride": "is a flag of the DaemonSet", "clientConnection.kubeconfig": "would name a file that is not mounted",
	}
	known := map[string]bool{}
	for _, c := range fieldCases {
		known[c.field] = true
		if has := root.Properties["config"].has(strings.Split(c.field, ".")); c.set != nil && has == (elsewhere[c.field] != "") {
			t.Errorf("config.%s: in the schema %v (%s)", c.field, has, elsewhere[c.field])
		}
	}
	for _, field := range root.Properties["config"].leaves("") {
		if !known[field] {
			t.Errorf("config.%s: no file may say that", field)
		}
	}
}

type schema struct {
	Properties map[string]schema
	Enum       []any
}

func (s schema) has(path []string) bool {
	if len(path) == 0 {
		return true
	}
	p, ok := s.Properties[path[0]]
	return ok && p.has(path[1:])
}

func (s schema) leaves(prefix string) (all []string) {
	for name, p := range s.Properties {
		path := strings.TrimPrefix(prefix+"."+name, ".")
		if len(p.Properties) == 0 {
			all = append(all, path)
		}
		all = append(all, p.leaves(path)...)
	}
	return all
}
