package main

import (
	"flag"
	"strconv"

	"k8s.io/klog/v2"
)

// startLogging sets klog's verbosity, the only thing of klog that can be set.
func (o options) startLogging() error {
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	if err := fs.Set("v", strconv.Itoa(o.Verbosity)); err != nil {
		return err
	}
	return fs.Set("vmodule", o.VModule)
}
