package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/apiserver"
	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/adminsocket"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// serve runs the daemon, when it has the lock of this node, until ctx ends; what it has put
// into the kernel stays.
func serve(ctx context.Context, o options.Options, k *kernel.Kernel) error {
	if err := apiserver.RefuseOwnService(o.API.Address()); err != nil {
		return err
	}
	programMetrics() // so that requests count from the first on
	server, err := apiserver.Reach(o.API, "kube-ipvs/"+version)
	if err != nil {
		return err
	}
	adjustOOMScore(o.OOMScoreAdj)
	h := health.New(2*o.Proxier.SyncPeriod, families(k)...)
	leave, err := awaitLock(ctx, o, h.Handler(nil))
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer leave()
	left, err := prepareHost(ctx, o, k)
	if err != nil {
		return err
	}
	if left != nil {
		klog.ErrorS(left, "Not all of this machine is as it should be; it will be tried again")
	}
	h.Serves(families(k)...) // now that this machine has been asked
	klog.InfoS("Serving Services", "version", version, "node", o.Proxier.NodeName, "scheduler", o.Proxier.Scheduler, "families", families(k))
	return run(ctx, o, server, k, h)
}

func families(k *kernel.Kernel) (all []string) {
	for _, f := range k.Families() {
		all = append(all, fmt.Sprintf("IPv%d", f))
	}
	return all
}

// run is the daemon at work.
func run(ctx context.Context, o options.Options, server *apiserver.Server, k *kernel.Kernel, h *health.Health) error {
	changes := watch.NewChanges()
	server.Changed = changes.MarkHosts
	api, err := watch.New(server.Client, o.Proxier.NodeName, changes)
	if err != nil {
		return err
	}
	recorder, err := server.NewRecorder()
	if err != nil {
		return err
	}
	ports := health.NewPorts(h)
	p := proxier.New(o.Proxier, proxier.Parts{
		API: api, Changes: changes, Kernel: k, Health: h, HealthPorts: ports, Events: recorder, APIServer: server.Addresses,
	})

	// All end together: with ctx, with the first that fails, or with the Proxier.
	ctx, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	together := func(run func(context.Context) error) { wg.Go(func() { stop(run(ctx)) }) }
	together(func(ctx context.Context) error { api.Run(ctx); return nil })
	together(server.Follow)
	together(apiserver.RefuseClusterAddress(o.API.Address(), api))
	together(o.FollowFile)
	together(recorder.Run)
	together(listen(o, o.HealthzAddress, h.Handler(p.Answered), p.HealthPortTaken))
	together(listen(o, o.MetricsAddress, pages(o, prometheus.Gatherers{p.Metrics(), programMetrics()}, p.SLIs(), time.Now()), func(bool) {}))
	together(func(ctx context.Context) error { answerQuestions(ctx, o, p); return nil })
	err = p.Run(ctx)
	if reason := failure(ctx); reason != nil {
		err = reason // a pass that is cut short fails too
	}
	stop(err)
	wg.Wait()
	if err == nil {
		err = failure(ctx)
	}
	return errors.Join(err, ports.Close())
}

// answerQuestions tells processes that have a right to it what the daemon knows.
func answerQuestions(ctx context.Context, o options.Options, p *proxier.Proxier) {
	answer := func(ctx context.Context, q snapshot.Question) (snapshot.Daemon, error) {
		d, err := p.Snapshot(ctx, q)
		d.Version, d.Rules = version, new(o.Kernel.Rules)
		return d, err
	}
	adminsocket.Serve(ctx, adminsocket.Address, answer, func(err error) {
		klog.ErrorS(err, "Cannot serve the admin socket; it will be tried again")
	})
}

// failure is what has ended ctx, if that was one.
func failure(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// listen answers on an address; on none it waits for the end. Whether another
// process has the address is told to taken.
func listen(o options.Options, address string, handler http.Handler, taken func(bool)) func(context.Context) error {
	return func(ctx context.Context) error {
		if address == "" {
			<-ctx.Done()
			return nil
		}
		s := health.Server{
			Addr: address, Handler: handler, HardFail: o.BindAddressHardFail,
			Listening: func() { taken(false) },
			Failed: func(err error) {
				klog.ErrorS(err, "Could not listen; it will be tried again", "address", address)
				taken(errors.Is(err, syscall.EADDRINUSE))
			},
		}
		return s.Run(ctx)
	}
}

// adjustOOMScore is a wish; a container may not be allowed to.
func adjustOOMScore(score int) {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(score)), 0); err != nil {
		klog.V(2).InfoS("Could not adjust the OOM score", "score", score, "err", err)
	}
}
