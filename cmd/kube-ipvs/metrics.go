package main

import (
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/apiserver"
)

// programMetrics are those of the program as a whole: which one it is, and what
// it asks of the API server.
var programMetrics = sync.OnceValue(newProgramMetrics)

func newProgramMetrics() prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubeipvs_build_info", Help: "1, with the version of this program.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(build)
	registry.MustRegister(apiserver.Metrics()...)
	return registry
}
