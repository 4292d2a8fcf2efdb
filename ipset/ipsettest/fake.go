package ipsettest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Verb names a method that Fake has in common with ipset.Client.
type Verb string

// The verbs.
const (
	Create  Verb = "create"
	Destroy Verb = "destroy"
	Swap    Verb = "swap"
	Sets    Verb = "sets"
	Members Verb = "members"
	Add     Verb = "add"
	Remove  Verb = "remove"
)

// Deed is one thing asked of a Fake: a call or, for Add and Remove, one entry
// of a call.
type Deed struct {
	Verb  Verb
	Set   string      // empty for Sets; the first one for Swap
	Entry ipset.Entry // for Add and Remove
}

// Fake holds the sets of a namespace of its own. Unlike a Client it may be used
// by several goroutines, so that a test can look while the code under test runs.
type Fake struct {
	mu    sync.Mutex
	sets  map[string]*set
	holds map[string]int
	calls map[Verb]int
	fail  func(Deed) error
}

type set struct {
	ipset.Set
	entries map[ipset.Entry]struct{}
}

// New returns a Fake without sets.
func New() *Fake {
	return &Fake{sets: map[string]*set{}, holds: map[string]int{}, calls: map[Verb]int{}}
}

// Fail has every deed asked of f judged first: one for which judge returns an
// error is not done and answered with that error. A nil judge ends it. It must
// not use f.
func (f *Fake) Fail(judge func(Deed) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = judge
}

// Hold does what a rule does that refers to the set: it cannot be destroyed
// until Release. ErrNotExist if there is no such set.
func (f *Fake) Hold(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sets[name] == nil {
		return fmt.Errorf("hold set %s: %w", name, ipset.ErrNotExist)
	}
	f.holds[name]++
	return nil
}

// Release undoes one Hold.
func (f *Fake) Release(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds[name] = max(0, f.holds[name]-1)
}

// Calls tells how often each verb was called since Calls was last asked.
func (f *Fake) Calls() map[Verb]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = map[Verb]int{}
	return calls
}

// String lists the sets by name, each followed by its members: one a line, the
// set's name first.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f.sets)) {
		s := f.sets[name]
		fmt.Fprintln(&b, s.Set)
		for _, e := range slices.SortedFunc(maps.Keys(s.entries), ipset.Entry.Compare) {
			fmt.Fprintln(&b, name, e)
		}
	}
	return b.String()
}

// begin counts a call, and lets it fail.
func (f *Fake) begin(verb Verb, set string) error {
	f.calls[verb]++
	return f.judge(Deed{Verb: verb, Set: set})
}

func (f *Fake) judge(d Deed) error {
	if f.fail == nil {
		return nil
	}
	return f.fail(d)
}
