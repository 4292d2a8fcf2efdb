package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"sigs.k8s.io/yaml"
)

// mixin is what the dashboard and the alert about kube-proxy in the
// kubernetes-mixin ask for, with its variables filled in.
var mixin = []string{
	`sum(up{cluster="", job="kube-proxy"})`,
	`sum(rate(kubeproxy_sync_proxy_rules_duration_seconds_count{cluster="", job="kube-proxy", instance=~".*"}[5m]))`,
	`histogram_quantile(0.99,rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{cluster="", job="kube-proxy", instance=~".*"}[5m]))`,
	`sum(rate(kubeproxy_network_programming_duration_seconds_count{cluster="", job="kube-proxy", instance=~".*"}[5m])) by (instance)`,
	`histogram_quantile(0.99, sum(rate(kubeproxy_network_programming_duration_seconds_bucket{cluster="", job="kube-proxy", instance=~".*"}[5m])) by (instance, le))`,
	`sum(rate(rest_client_requests_total{cluster="", job="kube-proxy", instance=~".*",code=~"2.."}[5m]))`,
	`histogram_quantile(0.99, sum(rate(rest_client_request_duration_seconds_bucket{cluster="", job="kube-proxy",instance=~".*",verb="POST"}[5m])) by (verb, url, le))`,
	`histogram_quantile(0.99, sum(rate(rest_client_request_duration_seconds_bucket{cluster="", job="kube-proxy", instance=~".*", verb="GET"}[5m])) by (verb, url, le))`,
	`process_resident_memory_bytes{cluster="", job="kube-proxy",instance=~".*"}`,
	`rate(process_cpu_seconds_total{cluster="", job="kube-proxy",instance=~".*"}[5m])`,
	`go_goroutines{cluster="", job="kube-proxy",instance=~".*"}`,
}

// mixinAlert fires when no target is up.
const mixinAlert = `absent(up{job="kube-proxy"})`

// silent are words in queries that show nothing on a healthy node. There are no
// GET requests where the API server streams lists.
var silent = []string{"kubeipvs_kube_proxy_running", "kubeipvs_failures_total", `verb="GET"`}

// TestQueriesReturnData asks a Prometheus that has scraped a real daemon
// all queries of our dashboard and of the
// mixin's.
func TestQueriesReturnData(t *testing.T) {
	p := scraped(t)
	for _, q := range slices.Concat(panels(t), mixin) {
		if got := p.ask(t, q); len(got) == 0 && !slices.ContainsFunc(silent, func(name string) bool { return strings.Contains(q, name) }) {
			t.Errorf("no data: %s", q)
		}
	}
	if got := p.ask(t, `kubeipvs_no_such_metric`); len(got) > 0 {
		t.Errorf("a metric that does not exist has data: %v", got)
	}
}

// TestAlerts wants no alert of a node on which all is well.
func TestAlerts(t *testing.T) {
	p := scraped(t)
	for _, q := range append(alerts(t), mixinAlert) {
		if got := p.ask(t, q); len(got) > 0 {
			t.Errorf("%s fires: %v", q, got)
		}
	}
}

// TestQueriesAskForWhatThereIs holds each metric and label against the page of
// metrics, also those that a healthy node shows nothing of.
func TestQueriesAskForWhatThereIs(t *testing.T) {
	known, all := documented(t), slices.Concat(panels(t), alerts(t))
	for _, q := range all {
		for _, complaint := range known.complaints(q) {
			t.Errorf("%s: %s", q, complaint)
		}
	}
	if len(all) < 20 {
		t.Errorf("only %d queries", len(all))
	}
	for _, wrong := range []string{
		`kubeipvs_rows{state="pending"`, `kubeipvs_row`, `kubeipvs_rows{condition="pending"}`, `sum by (verb) (kubeipvs_rows)`, `kubeipvs_rows_bucket`,
	} {
		if known.complaints(wrong) == nil {
			t.Errorf("%s: nothing is wrong with it", wrong)
		}
	}
}

// prometheus has scraped a real daemon for some minutes (make dashboard).
type prometheus struct {
	engine  *promql.Engine
	scrapes storage.Queryable
	pause   time.Duration // from one scrape to the next
	last    time.Time
}

// scraped reads what promqltest understands, and adds to each series what a scrape
// adds.
func scraped(t *testing.T) prometheus {
	t.Helper()
	text, err := os.ReadFile("testdata/metrics.load")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "\n")
	pause, err := time.ParseDuration(strings.TrimPrefix(head, "load "))
	if err != nil {
		t.Fatal(err)
	}
	load, scrapes := head+"\n", 0
	for line := range strings.Lines(rest) {
		series, values, labelled := strings.Cut(strings.TrimSpace(line), "} ")
		if labelled {
			series += ", "
		} else {
			series, values, _ = strings.Cut(series, " ")
			series += "{"
		}
		load += "  " + series + `job="kube-proxy", instance="node"} ` + values + "\n"
		scrapes = max(scrapes, len(strings.Fields(values)))
	}
	load += fmt.Sprintf("  up{job=\"kube-proxy\", instance=\"node\"} 1+0x%d\n", scrapes-1)
	return prometheus{
		promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000), promqltest.LoadedStorage(t, load),
		pause, time.Unix(0, 0).Add(time.Duration(scrapes-1) * pause),
	}
}

// ask asks for the moment of the last scrape.
func (p prometheus) ask(t *testing.T, q string) promql.Vector {
	t.Helper()
	query, err := p.engine.NewInstantQuery(t.Context(), p.scrapes, nil, filledIn(q), p.last)
	if err != nil {
		t.Errorf("%s: %v", q, err)
		return nil
	}
	defer query.Close()
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Errorf("%s: %v", q, err)
	}
	return slices.Clone(vector)
}

// filledIn is a query with the dashboard's variables as Grafana would have them.
func filledIn(q string) string {
	return strings.NewReplacer("$__rate_interval", "20s", "$job", ".*", "[5m]", "[20s]").Replace(q)
}

// metricNames are all metrics, each with its labels.
type metricNames map[string][]string

// documented are those of the generated page, and what every process has.
func documented(t *testing.T) metricNames {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := metricNames{"process_resident_memory_bytes": nil, "process_cpu_seconds_total": nil, "go_goroutines": nil}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		var own []string
		if row[3] != "" {
			own = strings.Split(row[3], ", ")
		}
		if row[2] != "histogram" {
			known[row[1]] = own
			continue
		}
		known[row[1]+"_bucket"] = append(slices.Clone(own), "le")
		known[row[1]+"_sum"], known[row[1]+"_count"] = own, own
	}
	return known
}

// complaints are metrics and labels of a query that do not exist. Job and
// instance come from the scrape.
func (known metricNames) complaints(q string) (all []string) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(filledIn(q))
	if err != nil {
		return []string{err.Error()}
	}
	has := []string{"job", "instance", "cluster"}
	var asked []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			own, there := known[node.Name]
			if !there {
				all = append(all, "no metric "+node.Name)
			}
			has = append(has, own...)
			for _, m := range node.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					asked = append(asked, m.Name)
				}
			}
		case *parser.AggregateExpr:
			asked = append(asked, node.Grouping...)
		}
		return nil
	})
	for _, label := range asked {
		if !slices.Contains(has, label) {
			all = append(all, "no label "+label)
		}
	}
	return all
}

type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

// board are the dashboard's panels.
func board(t *testing.T) []panel {
	t.Helper()
	var all struct{ Panels []panel }
	text, err := os.ReadFile("kube-ipvs.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all.Panels
}

func panels(t *testing.T) (all []string) {
	t.Helper()
	for _, p := range board(t) {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

func alerts(t *testing.T) (all []string) {
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
	text, err := os.ReadFile("prometheusrule.yaml")
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
