package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/client-go/rest"
)

// TestServiceAddressIsRefused has Helm ask a cluster whether apiServer.host is the address of the Service `kubernetes`.
func TestServiceAddressIsRefused(t *testing.T) {
	cluster := clusterWith(t, map[string]string{
		"/api/v1/namespaces/default/services/kubernetes": `{"kind":"Service","apiVersion":"v1",
			"metadata":{"name":"kubernetes","namespace":"default"},"spec":{"clusterIPs":["10.96.0.1","fd00::1"]}}`,
	})
	for host, fine := range map[string]bool{"10.96.0.1": false, "fd00::1": false, "192.0.2.10": true} {
		values := map[string]any{"apiServer": map[string]any{"host": host}}
		for name, install := range installs {
			_, err := install(t, values, cluster)
			if refused := err != nil && strings.Contains(err.Error(), host+" is the address of the Service `kubernetes`"); refused == fine || err != nil && fine {
				t.Errorf("%s with %s: %v", name, host, err)
			}
		}
	}
}

// TestTheConfigMapInUseIsAsked has Helm read a ConfigMap that is there already: probes ask where its configuration says, and a change of
// it replaces the Pods. Where there is no cluster to ask, the address is the usual one.
func TestTheConfigMapInUseIsAsked(t *testing.T) {
	values := map[string]any{"existingConfigMap": map[string]any{"name": "kube-proxy"}}
	const at = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
	seen := map[string]string{}
	for configured, want := range map[string]string{
		`healthzBindAddress: 127.0.0.1:10999`: "127.0.0.1 10999",
		`healthzBindAddress: "[::1]:10998"`:   "::1 10998",
		`healthzBindAddress: 192.0.2.7`:       "192.0.2.7 10256",
		`healthzBindAddress: "::1"`:           "::1 10256",
		`healthzBindAddress: "[::]:10997"`:    " 10997",
		`healthzBindAddress: ""`:              " 10256",
		`mode: ipvs`:                          " 10256",
		"":                                    " 10256",
	} {
		object := map[string]any{
			"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]any{"name": "kube-proxy", "namespace": namespace},
			"data": map[string]string{"config.conf": configured},
		}
		answer, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		answers := map[string]string{}
		if configured != "" {
			answers[at] = string(answer)
		}
		for name, install := range installs {
			text, err := install(t, values, clusterWith(t, answers))
			if err != nil {
				t.Fatalf("%s with %q: %v", name, configured, err)
			}
			probes := regexp.MustCompile(`port: (\d+)(?:\n +host: "(.*)")?`).FindAllStringSubmatch(text, -1)
			if len(probes) != 3 {
				t.Errorf("%s with %q has %d probes", name, configured, len(probes))
			}
			for _, p := range probes {
				if got := p[2] + " " + p[1]; got != want {
					t.Errorf("%s with %q: a probe asks %q, want %q", name, configured, got, want)
				}
			}
			sum := regexp.MustCompile(`kube-ipvs.io/config: .*`).FindString(text)
			if (sum == "") != (configured == "") || sum != "" && seen[sum] != "" && seen[sum] != configured {
				t.Errorf("%s with %q has %q, as %q has", name, configured, sum, seen[sum])
			}
			seen[sum] = configured
		}
	}
}

// clusterWith answers with these objects, by path.
func clusterWith(t *testing.T, answers map[string]string) *rest.Config {
	answers["/api/v1"] = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[
		{"name":"services","singularName":"service","namespaced":true,"kind":"Service","verbs":["get"]},
		{"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap","verbs":["get"]}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, there := answers[r.URL.Path]
		if !there {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

var installs = map[string]func(*testing.T, map[string]any, *rest.Config) (string, error){"Helm 3": install3, "Helm 4": install4}

func install3(t *testing.T, values map[string]any, cluster *rest.Config) (string, error) {
	t.Helper()
	loaded, err := loader3.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(loaded, values, chartutil.ReleaseOptions{Name: release, Namespace: namespace}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine3.RenderWithClient(loaded, all, cluster)
	return join(files), err
}

func install4(t *testing.T, values map[string]any, cluster *rest.Config) (string, error) {
	t.Helper()
	loaded, err := loader.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := util.ToRenderValues(loaded, values, common.ReleaseOptions{Name: release, Namespace: namespace}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.RenderWithClient(loaded, all, cluster)
	return join(files), err
}
