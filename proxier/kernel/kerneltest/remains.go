package kerneltest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/remains"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Look tells of sets and of virtual servers without our flag. A failure on
// demand is something unread.
func (k *Kernel) Look(_ context.Context, scope remains.Scope) remains.Found {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := remains.Found{Scope: scope, Sets: slices.Clone(k.foreignSets)}
	if err := k.call("look"); err != nil {
		f.Unread = []remains.Stay{{Object: "the machine", Holder: err.Error()}}
	}
	for vs, how := range k.foreign {
		f.Servers = append(f.Servers, remains.Server{VirtualServer: vs, How: how})
	}
	for a := range k.addresses.held {
		f.Bound = append(f.Bound, a)
	}
	return f
}

// Carry adopts virtual servers and destroys sets.
func (k *Kernel) Carry(_ context.Context, step remains.Step) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call(string(step.Deed)); err != nil {
		return err
	}
	switch step.Deed {
	case remains.AdoptServers:
		for _, s := range step.Servers {
			k.virtualServers.held[s.VirtualServer] = k.foreign[s.VirtualServer]
			delete(k.foreign, s.VirtualServer)
		}
	case remains.DestroySets:
		k.foreignSets = slices.DeleteFunc(k.foreignSets, func(name string) bool { return slices.Contains(step.Objects, name) })
	default:
		return fmt.Errorf("there is nothing to %s", step.Deed)
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
