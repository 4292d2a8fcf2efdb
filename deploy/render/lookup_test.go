package main

import (
	"io"
	"net/http"
	"net/http/httptest"
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
	answers := map[string]string{
		"/api/v1": `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[
			{"name":"services","singularName":"service","namespaced":true,"kind":"Service","verbs":["get"]}]}`,
		"/api/v1/namespaces/default/services/kubernetes": `{"kind":"Service","apiVersion":"v1",
			"metadata":{"name":"kubernetes","namespace":"default"},"spec":{"clusterIPs":["10.96.0.1","fd00::1"]}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	defer server.Close()
	cluster := &rest.Config{Host: server.URL}
	for host, fine := range map[string]bool{"10.96.0.1": false, "fd00::1": false, "192.0.2.10": true} {
		values := map[string]any{"apiServer": map[string]any{"host": host}}
		for name, err := range map[string]error{"Helm 3": install3(t, values, cluster), "Helm 4": install4(t, values, cluster)} {
			if refused := err != nil && strings.Contains(err.Error(), host+" is the address of the Service `kubernetes`"); refused == fine || err != nil && fine {
				t.Errorf("%s with %s: %v", name, host, err)
			}
		}
	}
}

func install3(t *testing.T, values map[string]any, cluster *rest.Config) error {
	t.Helper()
	loaded, err := loader3.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(loaded, values, chartutil.ReleaseOptions{Name: release, Namespace: namespace}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine3.RenderWithClient(loaded, all, cluster)
	return err
}

func install4(t *testing.T, values map[string]any, cluster *rest.Config) error {
	t.Helper()
	loaded, err := loader.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := util.ToRenderValues(loaded, values, common.ReleaseOptions{Name: release, Namespace: namespace}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.RenderWithClient(loaded, all, cluster)
	return err
}
