package kerneltest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Scan tells of sets and of virtual servers without our flag. A failure on
// demand is something unread.
func (k *Kernel) Scan(_ context.Context, scope leftovers.Scope) leftovers.Found {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := leftovers.Found{Scope: scope, Sets: slices.Clone(k.foreignSets)}
	if err := k.call("look"); err != nil {
		f.Unread = []leftovers.Blocked{{Object: "the machine", Holder: err.Error()}}
	}
	for vs, how := range k.foreign {
		f.Servers = append(f.Servers, leftovers.Server{VirtualServer: vs, How: how})
	}
	for a := range k.addresses.held {
		f.Bound = append(f.Bound, a)
	}
	return f
}

// Do adopts virtual servers and destroys sets.
func (k *Kernel) Do(_ context.Context, step leftovers.Step) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call(string(step.Action)); err != nil {
		return err
	}
	switch step.Action {
	case leftovers.AdoptServers:
		for _, s := range step.Servers {
			k.virtualServers.held[s.VirtualServer] = k.foreign[s.VirtualServer]
			delete(k.foreign, s.VirtualServer)
		}
	case leftovers.DestroySets:
		k.foreignSets = slices.DeleteFunc(k.foreignSets, func(name string) bool { return slices.Contains(step.Objects, name) })
	default:
		return fmt.Errorf("there is nothing to %s", step.Action)
	}
	return nil
}

// SetForeign gives the machine virtual servers that do not bear our flag, and
// sets that are not ours.
func (k *Kernel) SetForeign(servers map[state.VirtualServer]state.Balancing, sets ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.foreign, k.foreignSets = servers, slices.Clone(sets)
}

// Foreign are the virtual servers that do not bear our flag.
func (k *Kernel) Foreign() map[state.VirtualServer]state.Balancing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.foreign)
}

// ForeignSets are the sets that are not ours.
func (k *Kernel) ForeignSets() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.foreignSets)
}
