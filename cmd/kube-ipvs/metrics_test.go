package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/apiserver"
	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/goldentest"
)

// desc is how the library prints what it knows of a metric.
var desc = regexp.MustCompile(`fqName: "([^"]*)", help: "((?:[^"\\\\]|\\\\.)*)", (?:unit: "[^"]*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// metricsTable has all metrics but those of the Go runtime, as rows of a page.
func metricsTable(t *testing.T) string {
	t.Helper()
	var rows []string
	for _, of := range []prometheus.Gatherer{idle().Metrics(), programMetrics()} {
		families, err := of.Gather()
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]string{}
		for _, f := range families {
			kinds[f.GetName()] = strings.ToLower(f.GetType().String())
		}
		all := make(chan *prometheus.Desc)
		go func() {
			of.(prometheus.Collector).Describe(all)
			close(all)
		}()
		for d := range all {
			parts := desc.FindStringSubmatch(d.String())
			if parts == nil {
				t.Fatalf("cannot read %s", d)
			}
			name, labels := parts[1], strings.Trim(parts[4], ",")
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
				continue
			}
			if fixed := regexp.MustCompile(`(\w+)=`).FindAllStringSubmatch(parts[3], -1); fixed != nil {
				for _, f := range fixed {
					labels = strings.Trim(labels+","+f[1], ",")
				}
			}
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kindOfMetric(name, kinds), strings.ReplaceAll(labels, ",", ", "), parts[2]))
		}
	}
	slices.Sort(rows)
	return "| name | type | labels | what it says |\n|---|---|---|---|\n" + strings.Join(slices.Compact(rows), "")
}

// kindOfMetric is what has been gathered, or what the name says of one that has
// no series yet.
func kindOfMetric(name string, gathered map[string]string) string {
	switch {
	case gathered[name] != "":
		return gathered[name]
	case strings.HasSuffix(name, "_total") && name != "kubeproxy_sync_proxy_rules_no_local_endpoints_total":
		return "counter"
	case strings.HasPrefix(name, "rest_client_") && strings.HasSuffix(name, "_seconds"):
		return "histogram"
	}
	return "gauge"
}

func TestMetricsPageIsFresh(t *testing.T) {
	goldentest.Section(t, "../../docs/metrics.md", "metrics", metricsTable(t))
}

// Sets are made without a limit of their own: what tells of their members names
// none.
func TestNoMetricNamesALimitOfSets(t *testing.T) {
	for row := range strings.Lines(metricsTable(t)) {
		if strings.HasPrefix(row, "| `kubeipvs_set_members`") && regexp.MustCompile(`\d`).MatchString(row) {
			t.Error(row)
		}
	}
}

// What the daemon asks of the API server is counted in the names that all of
// Kubernetes has for that.
func TestRequestsAreCounted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	program := programMetrics()
	api, err := apiserver.Reach(apiserver.Config{Master: server.URL, QPS: 5, Burst: 10}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Client.CoreV1().RESTClient().(*rest.RESTClient).Get().AbsPath("/api").Do(t.Context()).Error(); err == nil {
		t.Error("an answer")
	}
	families, err := program.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, want := range []string{"kubeipvs_build_info", "rest_client_requests_total", "rest_client_request_duration_seconds"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in %q", want, names)
		}
	}
}
