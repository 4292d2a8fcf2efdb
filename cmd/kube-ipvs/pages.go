package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

// pages are what is answered beside the metrics, at kube-proxy's paths.
func pages(o options.Options, metrics, slis prometheus.Gatherer, started time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.Handle("/metrics/slis", promhttp.HandlerFor(slis, promhttp.HandlerOpts{}))
	text := func(path string, answer func() string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write([]byte(answer())) // the client has hung up
		})
	}
	always := func(s string) func() string { return func() string { return s } }
	text("/healthz", always("ok"))
	text("/healthz/ping", always("ok"))
	text("/proxyMode", always("ipvs"))
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, map[string]string{
			"gitVersion": version, "goVersion": runtime.Version(), "compiler": runtime.Compiler, "platform": runtime.GOOS + "/" + runtime.GOARCH,
		})
	})
	text("/flagz", func() string { return "kube-ipvs flags\n\n" + o.Flags })
	text("/statusz", func() string { return statusz(started, time.Now()) })
	mux.HandleFunc("/configz", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, map[string]any{"kubeproxy.config.k8s.io": o.Config})
	})
	if o.Profiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	}
	return mux
}

func answerJSON(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // the client has hung up
}

func statusz(started, now time.Time) string {
	return fmt.Sprintf("kube-ipvs statusz\n\nStarted: %s\nUp: %s\nGo version: %s\nBinary version: %s\n\n"+
		"Paths: /configz /flagz /healthz /healthz/ping /metrics /metrics/slis /proxyMode /statusz /version\n",
		started.UTC().Format(time.RFC3339), now.Sub(started).Round(time.Second), runtime.Version(), version)
}
