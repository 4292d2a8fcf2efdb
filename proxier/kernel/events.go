package kernel

import (
	"sync"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// events gathers what the kernel tells until it is taken.
type events struct {
	mu   sync.Mutex
	now  state.Changed
	wake chan struct{}
}

func newEvents() *events { return &events{wake: make(chan struct{}, 1)} }

func (e *events) note(change func(*state.Changed)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.now)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Changed tells that there is something to take from TakeChanged.
func (e *events) Changed() <-chan struct{} { return e.wake }

// TakeChanged says what the kernel has told since the last time. Changes of our
// own are among it: the caller knows what it has done.
func (e *events) TakeChanged() state.Changed {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.now
	e.now = state.Changed{}
	return t
}

// watch has noted what the kernel tells of links, addresses and rules. It tells
// nothing of IPVS, and of rules and sets what Rules say.
func (k *Kernel) watch() error {
	if err := k.WatchDevice(k.note); err != nil {
		return err
	}
	return k.Watch(func() { k.note(func(t *state.Changed) { t.Rules = true }) })
}
