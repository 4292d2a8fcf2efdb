package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// Config is what there is to tell of, and to whom.
type Config struct {
	Changes  *watch.Changes
	Families []ipset.Family // that are served
	API      Objects
	Events   Events
}

// Objects are those of the API that Events are about; nil where there is none.
type Objects interface {
	Service(types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice)
	Node() *v1.Node
}

// Events tell those who look at a Service or at our Node.
type Events interface {
	Warn(about *v1.Service, of Warning)
	WarnNode(about *v1.Node, of Warning)
}

// Warning is the text of an Event: its reason and action are single words.
type Warning struct{ Reason, Action, Note string }

// Telemetry has all that can be told.
type Telemetry struct {
	registry   *prometheus.Registry
	rows       rowMetrics
	passes     passMetrics
	leaving    leavingMetrics
	takeover   takeoverMetrics
	services   serviceMetrics
	probes     probes
	failing    *failing
	complaints complaints
	remarks    remarks
	warnings   warnings
	last       LastReport
}

// New returns Telemetry of a daemon that has not begun.
func New(cfg Config) *Telemetry {
	t := &Telemetry{
		registry:   prometheus.NewRegistry(),
		rows:       newRowMetrics(),
		passes:     newPassMetrics(),
		leaving:    newLeavingMetrics(),
		takeover:   newTakeoverMetrics(),
		services:   newServiceMetrics(),
		probes:     newProbes(),
		failing:    newFailing(),
		complaints: newComplaints(),
		remarks:    newRemarks(),
		warnings:   warnings{api: cfg.API, events: cfg.Events, told: map[unheld]string{}},
		last:       LastReport{Drift: map[string]int{}},
	}
	for _, some := range [][]prometheus.Collector{
		t.rows.collectors(), t.passes.collectors(), t.leaving.collectors(), t.takeover.collectors(), t.services.collectors(),
		t.probes.collectors(), changesOf(cfg.Changes),
		{t.failing, t.complaints.failures, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})},
	} {
		t.registry.MustRegister(some...)
	}
	t.services.families(cfg.Families)
	return t
}

// Metrics gathers all collectors.
func (t *Telemetry) Metrics() prometheus.Gatherer { return t.registry }

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// durations are from a millisecond to half a minute.
func durations(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)})
}

// changesOf are kube-proxy's counts of what the API has told.
func changesOf(c *watch.Changes) (all []prometheus.Collector) {
	for name, of := range map[string]func(watch.Counts) watch.Count{
		"endpoint": func(c watch.Counts) watch.Count { return c.Endpoints },
		"service":  func(c watch.Counts) watch.Count { return c.Services },
	} {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "kubeproxy_sync_proxy_rules_" + name + "_changes_total", Help: "Changes of the kind " + name + " so far.",
		}, func() float64 { return float64(of(c.Counts()).Total) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_" + name + "_changes_pending", Help: "Changes of the kind " + name + " that wait for the next pass.",
		}, func() float64 { return float64(of(c.Counts()).Pending) }))
	}
	return all
}
