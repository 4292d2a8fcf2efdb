package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// mixin is what the dashboard and the alerts about kube-proxy in the
// kubernetes-mixin ask for.
var mixin = []string{
	`sum(rate(kubeproxy_sync_proxy_rules_duration_seconds_count{job="kube-proxy", instance=~"x"}[5m]))`,
	`histogram_quantile(0.99, rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{job="kube-proxy"}[5m]))`,
	`sum(rate(kubeproxy_network_programming_duration_seconds_count{job="kube-proxy"}[5m])) by (instance)`,
	`histogram_quantile(0.99, sum(rate(kubeproxy_network_programming_duration_seconds_bucket{job="kube-proxy"}[5m])) by (instance, le))`,
	`sum(rate(rest_client_requests_total{job="kube-proxy", code=~"2.."}[5m]))`,
	`histogram_quantile(0.99, sum(rate(rest_client_request_duration_seconds_bucket{job="kube-proxy", verb="GET"}[5m])) by (verb, le))`,
	`process_resident_memory_bytes{job="kube-proxy"}`,
	`rate(process_cpu_seconds_total{job="kube-proxy"}[5m])`,
	`go_goroutines{job="kube-proxy"}`,
}

// TestQueries holds the queries of our dashboard, of our alerts and of the
// mixin against the metrics that there are.
func TestQueries(t *testing.T) {
	known := knownMetrics(t)
	all := slices.Concat(panelQueries(t), alertQueries(t), mixin)
	for _, q := range all {
		for _, complaint := range known.complaints(q) {
			t.Errorf("%s: %s", q, complaint)
		}
	}
	if len(all) < len(mixin)+20 {
		t.Errorf("only %d queries", len(all))
	}
	for _, wrong := range []string{
		`kubeipvs_rows{state="due"`, `kubeipvs_row`, `kubeipvs_rows{condition="due"}`, `sum by (verb) (kubeipvs_rows)`, `kubeipvs_rows_bucket`,
	} {
		if known.complaints(wrong) == nil {
			t.Errorf("%s: nothing is wrong with it", wrong)
		}
	}
}

// metricNames are all metrics, each with its labels.
type metricNames map[string][]string

// knownMetrics reads the generated table, which another test holds true.
func knownMetrics(t *testing.T) metricNames {
	t.Helper()
	known := metricNames{
		"process_resident_memory_bytes": nil, "process_cpu_seconds_total": nil, "go_goroutines": nil,
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		var labels []string
		if row[3] != "" {
			labels = strings.Split(row[3], ", ")
		}
		if row[2] != "histogram" {
			known[row[1]] = labels
			continue
		}
		known[row[1]+"_bucket"] = append(slices.Clone(labels), "le")
		known[row[1]+"_sum"], known[row[1]+"_count"] = labels, labels
	}
	return known
}

var (
	metricName = regexp.MustCompile(`\b(?:kubeipvs|kubeproxy|rest_client|process|go)_\w+`)
	matcher    = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping   = regexp.MustCompile(`\b(?:by|without) \(([^)]*)\)`)
)

// complaints are metrics and labels that do not exist, and brackets that do not
// match. Job and instance come from the scrape.
func (known metricNames) complaints(query string) (all []string) {
	labels := []string{"job", "instance", "cluster"}
	names := metricName.FindAllString(query, -1)
	if len(names) == 0 {
		all = append(all, "names no metric")
	}
	for _, name := range names {
		if _, there := known[name]; !there {
			all = append(all, "no metric "+name)
		}
		labels = append(labels, known[name]...)
	}
	for _, m := range matcher.FindAllStringSubmatch(query, -1) {
		if !slices.Contains(labels, m[1]) {
			all = append(all, "no label "+m[1])
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(g[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(label)) {
				all = append(all, "no label "+label)
			}
		}
	}
	for open, shut := range map[string]string{"(": ")", "{": "}", "[": "]"} {
		if strings.Count(query, open) != strings.Count(query, shut) {
			all = append(all, "unbalanced "+open)
		}
	}
	return all
}

func panelQueries(t *testing.T) (all []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../../deploy/dashboards/kube-ipvs.json")
	if err == nil {
		err = json.Unmarshal(text, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

func alertQueries(t *testing.T) (all []string) {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Expr string
					Annotations map[string]string
				}
			}
		}
	}
	text, err := os.ReadFile("../../deploy/dashboards/prometheusrule.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &rule)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rule.Spec.Groups {
		for _, r := range g.Rules {
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("alert %s does not say what it means", r.Alert)
			}
			all = append(all, r.Expr)
		}
	}
	return all
}
