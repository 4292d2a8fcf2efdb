//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
)

// profiled is how much of a step is looked at, from its begin.
const profiled = 20 * time.Second

// profile looks at where the proxy's processor time goes while a step is done.
// What it returns waits for the end of that. That there is no profile is no
// failure of the step.
func (b *bench) profile(step string) (wait func()) {
	if !b.job.Profile {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), profiled)
		defer cancel()
		url := fmt.Sprintf("http://127.0.0.1:10249/debug/pprof/profile?seconds=%.0f", profiled.Seconds())
		var data string
		var err error
		until(ctx, time.Now(), scrapePause, func() bool { // the proxy may only be about to start
			data, err = b.lab.Node.Get(url, 3*profiled)
			return err == nil
		})
		if err == nil {
			err = b.outer.Keep(desk.Profile{Step: step, Data: []byte(data)})
		}
		if err != nil {
			b.say("no profile of %s: %v", step, err)
		}
	}()
	return func() { <-done }
}
