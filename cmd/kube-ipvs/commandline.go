package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
)

// commandLine is what the arguments say, before any file is read.
type commandLine struct {
	config v1alpha1.KubeProxyConfiguration // the defaults where the flags say nothing

	configFile, writeConfigTo, master string
	cleanup, initOnly, takeover, help bool
	check                             bool
	serveNodeAddresses                bool
	drainTimeout                      metav1.Duration
	dryRun, restoreSysctls            bool
	output                            string
	acceptTraffic                     string
	version                           versionForm
	healthzPort, metricsPort          int32
	serviceMetrics                    int32
	leave                             []string
	externalRanges                    []string
	loadBalancerRanges                []string
	aliasRange                        []string

	given map[string]bool // flags by name
}

// drainTimeout is when the kernel forgets a TCP connection on which nothing is
// said: to wait longer would only help those who still talk to an endpoint that
// the cluster has given up.
const drainTimeout = 15 * time.Minute

func (l *commandLine) file() any         { return &l.configFile }
func (l *commandLine) writeTo() any      { return &l.writeConfigTo }
func (l *commandLine) server() any       { return &l.master }
func (l *commandLine) wantCleanup() any  { return &l.cleanup }
func (l *commandLine) wantInit() any     { return &l.initOnly }
func (l *commandLine) wantTakeover() any { return &l.takeover }

func (l *commandLine) drain() any       { return &l.drainTimeout }
func (l *commandLine) wantDryRun() any  { return &l.dryRun }
func (l *commandLine) wantSysctls() any { return &l.restoreSysctls }
func (l *commandLine) outputForm() any  { return &l.output }

func (l *commandLine) wantNodeAddresses() any { return &l.serveNodeAddresses }
func (l *commandLine) wantHelp() any          { return &l.help }
func (l *commandLine) wantVersion() any       { return &l.version }
func (l *commandLine) healthz() any           { return &l.healthzPort }
func (l *commandLine) metrics() any           { return &l.metricsPort }

func (l *commandLine) left() any               { return &l.leave }
func (l *commandLine) mayBeExternal() any      { return &l.externalRanges }
func (l *commandLine) mayBeLoadBalancers() any { return &l.loadBalancerRanges }
func (l *commandLine) aliases() any            { return &l.aliasRange }
func (l *commandLine) traffic() any            { return &l.serviceMetrics }
func (l *commandLine) accepted() any           { return &l.acceptTraffic }

func newCommandLine() *commandLine {
	l := &commandLine{
		takeover: true, serveNodeAddresses: true, output: "text", healthzPort: healthzPort, metricsPort: metricsPort, given: map[string]bool{},
		drainTimeout: metav1.Duration{Duration: drainTimeout}, acceptTraffic: string(kernel.AcceptAuto),
	}
	setDefaults(&l.config)
	return l
}

// flags are the flags of one group, or of all when g is empty, that write into
// the line.
func (l *commandLine) flags(g group) *pflag.FlagSet {
	fs := pflag.NewFlagSet("kube-ipvs", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	for _, s := range settings {
		if s.flag == "" || g != "" && s.group != g {
			continue
		}
		v := value{s.target(l)}
		f := fs.VarPF(v, s.flag, s.short, s.text)
		if v.Type() == "bool" {
			f.NoOptDefVal = "true"
		}
		if isZero(v.to) {
			f.DefValue = "" // the usage then has no word about it
		}
	}
	return fs
}

// readLine fills in the line from args and notes every mistake.
func (r *reading) readLine(args []string) {
	fs := r.line.flags("")
	// So that parsing goes on; readWords finds them again.
	fs.ParseErrorsAllowlist.UnknownFlagsHandling = pflag.PassUnknownFlagToArgs
	err := fs.ParseAll(r.singleDashes(fs, args), func(f *pflag.Flag, text string) error {
		r.line.given[f.Name] = true
		if err := f.Value.Set(text); err != nil {
			r.problem("", "--%s %q: %v", f.Name, text, err)
		}
		return nil
	})
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &missing):
		r.problem("", "--%s: needs a value", missing.GetFlag().Name)
	case err != nil:
		r.problem("", "%v", err)
	}
	for _, s := range settings {
		if s.verdict == rejected && r.line.given[s.flag] {
			r.problem("", "--%s: %s", s.flag, s.text)
		}
	}
	r.readWords(fs.Args())
}

// singleDashes notes and leaves out flags written as other programs have them,
// -config, which would be taken for a row of one-letter flags.
func (r *reading) singleDashes(fs *pflag.FlagSet, args []string) []string {
	var rest []string
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if len(name) > 1 && name[0] != '-' && arg[0] == '-' && fs.Lookup(name) != nil {
			r.problem("", "%s: flags have two dashes: --%s", arg, name)
			continue
		}
		rest = append(rest, arg)
	}
	return rest
}

// readWords reads what is left when the flags are taken out: one verb at most.
func (r *reading) readWords(words []string) {
	unknown := false
	for _, w := range words {
		if strings.HasPrefix(w, "-") {
			unknown = true
			name, _, _ := strings.Cut(w, "=")
			r.problem("", "%s: unknown flag, see --help", name)
		}
	}
	if unknown {
		return // a word may have been meant for one of those
	}
	for i, w := range words {
		switch {
		case w == "":
		case w == string(verbCleanup) && i == 0:
			r.line.cleanup = true
		case w == string(verbInit) && i == 0:
			r.line.initOnly = true
		case w == string(verbCheck) && i == 0:
			r.line.check = true
		default:
			r.problem("", "%q: unexpected word; a verb comes first, see --help", w)
		}
	}
}

// reading gathers all that is said, and what is wrong or odd about it.
type reading struct {
	line     *commandLine
	config   *v1alpha1.KubeProxyConfiguration // the file's or the line's
	text     string                           // of the file
	problems []problem
	warnings []string
}

// problem is a mistake in a field, or in none: of how things are said.
type problem struct{ field, text string }

func (r *reading) problem(field, format string, args ...any) {
	r.problems = append(r.problems, problem{field, fmt.Sprintf(format, args...)})
}

// bad notes that the field's value is not what it must be.
func (r *reading) bad(field, must string) {
	r.problem(field, "%s %q: %s", r.name(field), show(lookup(r.config, field)), must)
}

func (r *reading) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// place says where a field's value stands: in the flag of this name, or in the
// file, whose name then comes before the field's.
func (r *reading) place(field string) (file, name string) {
	s := settingOf(field)
	if s.flag != "" && (r.line.configFile == "" || s.beside && r.line.given[s.flag]) {
		return "", "--" + s.flag
	}
	return r.line.configFile + ": ", field
}

// name is the place in one.
func (r *reading) name(field string) string {
	file, name := r.place(field)
	return file + name
}
