package state

import (
	"maps"
	"slices"
)

// Scheduler is what has to be known of one of the kernel's schedulers.
type Scheduler struct {
	Hashes  bool // it chooses by a hash, and knows SchedulerFlags
	Even    bool // all weights above 0 are the same to it
	Refuses bool // the clients for which it has chosen a real server of weight 0, whichever others there are
}

// Schedulers are those of Linux. With the flags that we give it, each but dh
// passes over a real server of weight 0.
var Schedulers = map[string]Scheduler{
	"rr":    {Even: true},
	"wrr":   {},
	"lc":    {Even: true},
	"wlc":   {},
	"lblc":  {Even: true},
	"lblcr": {Even: true},
	"dh":    {Even: true, Refuses: true},
	"sh":    {Hashes: true},
	"mh":    {Hashes: true},
	"sed":   {},
	"nq":    {},
	"fo":    {},
	"ovf":   {},
	"twos":  {},
}

// SchedulerNames are theirs, sorted.
func SchedulerNames() []string { return slices.Sorted(maps.Keys(Schedulers)) }
