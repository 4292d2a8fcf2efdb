package main

import (
	"flag"
	"strconv"

	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // the format json
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

// startLogging sets klog's verbosity and its format.
func startLogging(o options.Options) error {
	if o.LogFormat == logsapi.JSONLogFormat {
		return startJSON(o)
	}
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	if err := fs.Set("v", strconv.Itoa(o.Verbosity)); err != nil {
		return err
	}
	return fs.Set("vmodule", o.VModule)
}

// startJSON has all lines be objects as those of Kubernetes are.
func startJSON(o options.Options) error {
	c := logsapi.NewLoggingConfiguration()
	c.Format, c.Verbosity, c.VModule = o.LogFormat, o.Config.Logging.Verbosity, o.Config.Logging.VModule
	return logsapi.ValidateAndApply(c, nil)
}
