package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/nodelock"
)

// awaitLock returns when no other kube-ipvs serves this node: during an upgrade
// the next may be there before the last has gone. A standby has touched
// nothing, is alive and is not ready. It goes on without the lock if a process
// holds it that cannot serve, or of which that is not known for too long.
func awaitLock(ctx context.Context, o options.Options, probes http.Handler) (leave func(), err error) {
	var stop func()
	lock := nodelock.Lock{
		Address: nodelock.Address,
		Name:    fmt.Sprintf("kube-ipvs %s of node %s, process %d", version, o.Proxier.NodeName, os.Getpid()),
		Waiting: func(h nodelock.Holder) {
			if stop == nil {
				stop = answerProbes(ctx, o.HealthzAddress, probes)
			}
			klog.InfoS("Another process holds the lock of this node; waiting for its end", "holder", h)
		},
	}
	t, err := lock.Wait(ctx)
	if stop != nil {
		stop()
	}
	if errors.Is(err, nodelock.ErrPassedOver) {
		klog.ErrorS(err, "Going on without the lock of this node; two copies may run at a time")
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = t.Close() }, nil // a lock that cannot be closed ends with the process
}

// answerProbes listens for them until it is told to stop. Where both share one
// address the other one answers: it serves, so what it says of this node is
// true.
func answerProbes(ctx context.Context, address string, probes http.Handler) (stop func()) {
	if address == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := health.Server{Addr: address, Handler: probes}
		_ = s.Run(ctx) // it errs only when it is not to try again
	}()
	return func() {
		cancel()
		<-ended
	}
}
