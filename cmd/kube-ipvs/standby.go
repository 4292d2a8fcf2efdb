package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/turn"
)

// awaitTurn returns when no other kube-ipvs serves this node: during an upgrade
// the next may be there before the last has gone. A standby has touched
// nothing, is alive and is not ready. It has no turn, and goes on, if a user who
// has no right to has taken the lock.
func (o options) awaitTurn(ctx context.Context, probes http.Handler) (leave func(), err error) {
	name := fmt.Sprintf("kube-ipvs %s of node %s, process %d", version, o.NodeName, os.Getpid())
	stop := func() {}
	t, err := turn.Wait(ctx, turn.Address, name, func(holder string) {
		stop()
		klog.InfoS("Another one serves this node; waiting for its end", "holder", holder)
		stop = o.answerProbes(ctx, probes)
	})
	stop()
	if errors.Is(err, turn.ErrStranger) {
		klog.ErrorS(err, "Going on without; two copies may run at a time")
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
func (o options) answerProbes(ctx context.Context, probes http.Handler) (stop func()) {
	if o.HealthzAddress == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := health.Server{Addr: o.HealthzAddress, Handler: probes}
		_ = s.Run(ctx) // it errs only when it is not to try again
	}()
	return func() {
		cancel()
		<-ended
	}
}
