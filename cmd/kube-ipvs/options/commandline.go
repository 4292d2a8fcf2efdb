package options

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/kube-proxy/config/v1alpha1"
)

// commandLine is what the arguments say, before any file is read.
type commandLine struct {
	config v1alpha1.KubeProxyConfiguration // the defaults where the flags say nothing

	own        map[string]any  // of flags whose value is no field of the configuration: pointers, by name
	given      map[string]bool // flags by name
	word       Verb            // the word that came first, if any
	configFile string          // of --config
}

// drainTimeout is when the kernel forgets a TCP connection on which nothing is
// said: to wait longer would only help those who still talk to an endpoint that
// the cluster has given up.
const drainTimeout = 15 * time.Minute

func newCommandLine() *commandLine {
	l := &commandLine{own: map[string]any{}, given: map[string]bool{}}
	setDefaults(&l.config)
	for _, s := range settings {
		if s.own != nil {
			value := reflect.New(reflect.TypeOf(s.own))
			value.Elem().Set(reflect.ValueOf(s.own))
			l.own[s.flag] = value.Interface()
		}
	}
	return l
}

// ownOf is the value of a flag that is no field of the configuration.
func ownOf[T any](l *commandLine, flag string) T { return *l.own[flag].(*T) }

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

// Flags are all flags with their defaults, for usage, completion and man pages.
func Flags() *pflag.FlagSet { return newCommandLine().flags("") }

// Usages describe all flags, under their headings.
func Usages() string {
	var text strings.Builder
	line := newCommandLine()
	for _, g := range groups {
		fmt.Fprintf(&text, "\n%s:\n%s", g, line.flags(g).FlagUsages())
	}
	return text.String()
}

// flagLines are all flags with their values, one a line.
func (l *commandLine) flagLines() string {
	var b strings.Builder
	l.flags("").VisitAll(func(f *pflag.Flag) { fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Value) })
	return b.String()
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
	r.line.configFile = ownOf[string](r.line, "config")
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
		switch v := Verb(w); {
		case w == "":
		case i == 0 && (v == Cleanup || v == Init || v == Check):
			r.line.word = v
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
	of       map[string]setting               // that decides about a field
	hostname func() (string, error)
	problems []problem
	warnings []string
}

// problem is a mistake in a field, or in none: of how things are said.
type problem struct{ field, text string }

func (r *reading) problem(field, format string, args ...any) {
	r.problems = append(r.problems, problem{field, fmt.Sprintf(format, args...)})
}

// bad notes that a value is not what it must be.
func (r *reading) bad(s setting, must string) { r.badPart(s, show(r.value(s)), must) }

// badPart notes it of one item of a list.
func (r *reading) badPart(s setting, part, must string) {
	file, name := r.place(s)
	r.problem(s.field, "%s%s %q: %s", file, name, part, must)
}

func (r *reading) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// place says where a value stands: in the flag of this name, or in the file, whose
// name then comes before the field's.
func (r *reading) place(s setting) (file, name string) {
	if s.field == "" || s.flag != "" && (r.line.configFile == "" || s.beside && r.line.given[s.flag]) {
		return "", "--" + s.flag
	}
	return r.line.configFile + ": ", s.field
}

// name is the place of a field's value in one.
func (r *reading) name(field string) string {
	file, name := r.place(r.of[field])
	return file + name
}
