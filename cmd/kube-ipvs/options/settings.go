package options

import "slices"

// setting is one thing that the command line or the configuration file may say,
// and all that there is to know about it: a new flag is declared here, once.
type setting struct {
	flag    string // without dashes; empty: only the file may say it
	short   string
	field   string // path in the file, and of everything below it; empty: only a flag
	verdict verdict
	group   group
	text    string // what it does, or why it does nothing
	beside  bool   // the flag counts beside a file too, and wins

	own   any    // the default of a flag whose value is no field of the file
	check check  // what its value must be; nil: whatever can be read
	fill  filler // where its value goes; nil: nowhere by itself
}

// verdict is what becomes of a setting.
type verdict uint8

const (
	honoured verdict = iota
	outdated         // honoured; a warning says what to give instead
	warned           // accepted; a warning says that it has no effect
	quiet            // accepted: no other value could make a difference
	rejected
)

// group is a heading of the usage.
type group string

const (
	running   group = "Running"
	api       group = "Kubernetes API"
	traffic   group = "Traffic"
	ipvs      group = "IPVS"
	conntrack group = "Conntrack"
	serving   group = "Health and metrics"
	logging   group = "Logging"
	unused    group = "Accepted for compatibility"
)

var groups = []group{running, api, traffic, ipvs, conntrack, serving, logging, unused}

// settings is everything that kube-proxy 1.37 or an older one accepts. The
// order is that of the usage.
var settings = slices.Concat(programTable, hostTable, unusedTable)

// target is where the flag's value goes.
func (s setting) target(line *commandLine) any {
	if s.own != nil {
		return line.own[s.flag]
	}
	return lookup(&line.config, s.field)
}
