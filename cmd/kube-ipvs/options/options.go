package options

import (
	"errors"
	"slices"

	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/apiserver"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
)

// Verb is what the process is to do.
type Verb string

// The verbs. Those that are words may also come first on the command line.
const (
	Run         Verb = "run"
	Init        Verb = "init"
	Cleanup     Verb = "cleanup"
	Check       Verb = "check"
	WriteConfig Verb = "write-config"
	Version     Verb = "version"
	Help        Verb = "help"
)

// Options are the command line and the configuration file, checked, in the words
// of the rooms that heed them. With Help and Version nothing else is filled in.
type Options struct {
	Verb          Verb
	ConfigFile    string
	WriteConfigTo string

	DryRun bool   // of Cleanup
	Output string // of Cleanup: text or json

	API       apiserver.Config
	Proxier   proxier.Config
	Kernel    kernel.Config // without what does not depend on the user
	Conntrack host.Conntrack

	HealthzAddress, MetricsAddress string // IP:port; empty: none
	BindAddressHardFail            bool
	Profiling                      bool
	OOMScoreAdj                    int

	LogFormat string // text or json
	Verbosity int
	VModule   string // as klog wants it

	Args       []string // as given
	ConfigText string   // of ConfigFile

	Flags    string                          // as given or by default, one a line
	Config   v1alpha1.KubeProxyConfiguration // in force
	Warnings []string                        // one line each
}

// Parse reads args and the configuration file they name. hostname is asked when
// nothing names the Node. The error has one line for each mistake.
func Parse(args []string, hostname func() (string, error)) (Options, error) {
	r := &reading{line: newCommandLine(), of: map[string]setting{}, hostname: hostname}
	for _, s := range slices.Backward(settings) {
		r.of[s.field] = s // the first of a field decides
	}
	r.readLine(args)
	r.config = &r.line.config
	switch version := ownOf[versionForm](r.line, "version"); {
	case ownOf[bool](r.line, "help"):
		return Options{Verb: Help}, nil
	case version == "true" || version == "raw":
		return Options{Verb: Version}, nil
	}
	if r.line.configFile != "" && !r.readFile() {
		return Options{}, r.err()
	}
	o := r.resolve()
	r.warnOfSilenced()
	r.warnOfGates()
	r.warnOfUnused()
	if err := r.err(); err != nil {
		return Options{}, err
	}
	o.Warnings, o.Flags = r.warnings, r.line.flagLines()
	o.Args, o.ConfigText = args, r.text
	return o, nil
}

func (r *reading) verb() Verb {
	switch {
	case ownOf[string](r.line, "write-config-to") != "":
		return WriteConfig
	case ownOf[bool](r.line, "cleanup"):
		return Cleanup
	case r.line.word != "":
		return r.line.word
	case ownOf[bool](r.line, "init-only"):
		return Init
	}
	return Run
}

// err is all problems. For cleanup a wrong value is only a warning, unless it
// says what must not be removed, or hides that: there is nothing else it could
// spoil, and who cleans up should not have to repair a configuration first.
func (r *reading) err() error {
	if r.verb() == Cleanup {
		r.problems = slices.DeleteFunc(r.problems, func(p problem) bool {
			harmless := p.field != "" && p.field != "ipvs" && p.field != "ipvs.excludeCIDRs"
			if harmless {
				r.warn("%s", p.text)
			}
			return harmless
		})
	}
	var errs []error
	for _, p := range r.problems {
		errs = append(errs, errors.New(p.text))
	}
	return errors.Join(errs...)
}
