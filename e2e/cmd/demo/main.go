//go:build linux

// Demo shows what kube-ipvs does, on one screen and in under a minute: the
// daemon as it is shipped, on a real kernel, in a small cluster of network
// namespaces (e2e/lab) with an API made of the YAML files in this folder
// (e2e/apistub). It tells the project's founding story in small: a Service
// web is reached in every way there is, and what kube-proxy had left behind is
// gone in the end.
//
//	demo -daemon .out/kube-ipvs -objects e2e/cmd/demo
//
// What kube-proxy leaves behind comes from the real one. With its program the
// demo shows nothing and prints that anew:
//
//	demo -kube-proxy ~/.cache/kube-ipvs/bin/kube-proxy -objects e2e/cmd/demo
//
// Needs root and IPVS. The exit code is 0 only if all that was shown was as it
// should be.
//
// What must never be in it: anything that makes kube-ipvs look better than it
// is. Every number is measured, every request is sent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// atMost is when the demo gives up: it takes ten seconds, or some forty on a
// machine that is busy with other things.
const atMost = 4 * time.Minute

func main() {
	daemon := flag.String("daemon", "", "the kube-ipvs `program`")
	objects := flag.String("objects", "", "the `folder` with the API's objects")
	kubeProxy := flag.String("kube-proxy", "", "the real kube-proxy `program`, to print what it leaves behind")
	flag.Parse()
	if (*daemon == "") == (*kubeProxy == "") || *objects == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	ctx, cancel := context.WithTimeoutCause(ctx, atMost, fmt.Errorf("the demo has taken more than %s", atMost))
	fine := true
	if *kubeProxy == "" {
		fine = show(ctx, newPage(os.Stdout), *daemon, *objects)
	} else if err := record(ctx, os.Stdout, *kubeProxy, *objects); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		fine = false
	}
	cancel()
	stop()
	if !fine {
		os.Exit(1)
	}
}
