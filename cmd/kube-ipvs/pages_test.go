package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// visit asks for a page of a daemon with these flags that does not run yet.
func visit(t *testing.T, path string, args ...string) (code int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	p := idle()
	p.Answered("/readyz", http.StatusServiceUnavailable)
	p.Answered("/readyz", http.StatusOK)
	all := prometheus.Gatherers{p.Metrics(), programMetrics()}
	pages(mustParse(t, args...), all, p.SLIs(), time.Now()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w.Code, w.Body.String()
}

// idle is a daemon that does not run, and could count the traffic of Services.
func idle() *proxier.Proxier {
	k, h := kerneltest.New(), health.New(time.Minute, "IPv4")
	return proxier.New(proxier.Config{ServiceMetrics: 1}, proxier.Parts{Kernel: k, Changes: watch.NewChanges(), Health: h, HealthPorts: k.HealthPorts()})
}

// D5 to D12.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		path, args, want string
		code             int
	}{
		{"/healthz", "", "ok", 200},
		{"/healthz/ping", "", "ok", 200},
		{"/proxyMode", "", "ipvs", 200},
		{"/version", "", `"gitVersion":"unreleased"`, 200},
		{"/flagz", "--ipvs-scheduler=mh", "ipvs-scheduler=mh\n", 200},
		{"/statusz", "", "Binary version: unreleased\n", 200},
		{"/metrics", "", "kubeproxy_sync_proxy_rules_duration_seconds", 200},
		{"/metrics/slis", "", `kubernetes_healthcheck{name="sync",type="readyz"} 1`, 200},
		{"/metrics/slis", "", `kubernetes_healthchecks_total{name="sync",status="error",type="readyz"} 1`, 200},
		{"/debug/pprof/", "", "404", 404},
		{"/debug/pprof/cmdline", "--profiling", "", 200},
	} {
		code, text := visit(t, c.path, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d\n%s\nwant %d and in it: %s", c.path, code, text, c.code, c.want)
		}
	}
}

func TestConfigz(t *testing.T) {
	_, text := visit(t, "/configz", "--ipvs-scheduler=lc")
	var got map[string]v1alpha1.KubeProxyConfiguration
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if c := got["kubeproxy.config.k8s.io"]; c.IPVS.Scheduler != "lc" || c.HealthzBindAddress != "0.0.0.0:10256" {
		t.Errorf("%+v", c)
	}
}

func TestMetricsAreWellFormed(t *testing.T) {
	_, text := visit(t, "/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, name := range []string{
		"endpoint_changes_total", "endpoint_changes_pending", "service_changes_total", "service_changes_pending", "last_queued_timestamp_seconds",
	} {
		if !strings.Contains(text, "\nkubeproxy_sync_proxy_rules_"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
	for _, series := range []string{`kubeproxy_proxy_healthz_total{code="200"} 0`, `kubeproxy_proxy_livez_total{code="503"} 0`} {
		if !strings.Contains(text, series) {
			t.Errorf("no %s", series)
		}
	}
}
