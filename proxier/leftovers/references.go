package leftovers

import (
	"fmt"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// rule is a rule of a chain.
type rule struct {
	place xtables.Place
	text  string
}

func (r rule) String() string { return fmt.Sprintf("%s: %s", r.place, r.text) }

// target is the chain that the rule leads to.
func (r rule) target() xtables.Place {
	return xtables.Place{Table: r.place.Table, Chain: xtables.Target(r.text)}
}

// goes tells whether a chain is to go. As long as there is a proxy, a shared chain
// stays with its rule where the port mapping of CNI may use it, also while no rule
// leads to it: the next Pod with a host port may need it, and the plugin that is
// told to use it does not make it (K19). Our rules masquerade what it marks.
func (f Found) goes(where Where, p xtables.Place) bool {
	return f.Scope.Chain(p) && (f.Scope != Takeover || !shared[p] || !f.borrowsMark(where))
}

// borrowsMark tells whether the port mapping of CNI has chains and none of its own
// to mark with: then it has been told to use another (externalSetMarkChain). It
// keeps its chains when the last Pod with a host port has gone.
func (f Found) borrowsMark(where Where) bool {
	maps, marks := false, false
	for p := range f.Rules[where] {
		if p.Table == "nat" {
			maps = maps || p.Chain == "CNI-HOSTPORT-DNAT" || strings.HasPrefix(p.Chain, "CNI-DN-")
			marks = marks || p.Chain == "CNI-HOSTPORT-SETMARK" || p.Chain == "CNI-HOSTPORT-MASQ"
		}
	}
	return maps && !marks
}

// hook tells whether the rule leads from a built-in chain to one that is to go,
// whatever else it says. kube-proxy has no such jump to a shared chain: another
// program made that one and needs the chain.
func (f Found) hook(r rule) bool {
	return r.place.BuiltIn() && f.Scope.Chain(r.target()) && !shared[r.target()]
}

// foreign are the rules that will still be there when the scope's are gone.
func (f Found) foreign(where Where) (all []rule) {
	for _, place := range f.Rules[where].Places() {
		if f.goes(where, place) {
			continue
		}
		for _, text := range f.Rules[where][place] {
			if r := (rule{place, text}); !f.hook(r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// references is who leads to the chains that are to go.
type references struct {
	where Where
	owned []xtables.Place          // the chains that are to go
	full  map[xtables.Place]bool   // those with rules in them
	hooks []rule                   // jumps from built-in chains
	held  map[xtables.Place]string // by whom, of those that others refer to
}

func (f Found) references(where Where) references {
	r := references{where: where, full: map[xtables.Place]bool{}, held: map[xtables.Place]string{}}
	for _, place := range f.Rules[where].Places() {
		rules := f.Rules[where][place]
		if f.goes(where, place) {
			r.owned = append(r.owned, place)
			r.full[place] = len(rules) > 0
			continue
		}
		for _, text := range rules {
			if jump := (rule{place, text}); f.hook(jump) {
				r.hooks = append(r.hooks, jump)
			}
		}
	}
	for _, jump := range f.foreign(where) {
		if f.goes(where, jump.target()) {
			r.held[jump.target()] = jump.holder(where)
		}
	}
	return r
}

func (r references) unhook() Step {
	var input xtables.Restore
	step := Step{Action: Unhook, Where: r.where}
	for _, h := range r.hooks {
		input.Take(h.place, h.text)
		step.Objects = append(step.Objects, h.String())
	}
	step.Input = input.String()
	return step
}

// empty leaves the rules of lent chains that are in use. All others lead to
// endpoints that may be long gone, whatever still sends packets there.
func (r references) empty() Step {
	var input xtables.Restore
	return r.each(EmptyChains, &input, func(p xtables.Place) bool {
		if goes := r.full[p] && (r.held[p] == "" || !shared[p]); !goes {
			return false
		}
		input.Empty(p)
		return true
	})
}

func (r references) remove() Step {
	var input xtables.Restore
	return r.each(DeleteChains, &input, func(p xtables.Place) bool {
		if r.held[p] != "" {
			return false
		}
		input.Delete(p)
		return true
	})
}

func (r references) each(action Action, input *xtables.Restore, do func(xtables.Place) bool) Step {
	step := Step{Action: action, Where: r.where}
	for _, p := range r.owned {
		if do(p) {
			step.Objects = append(step.Objects, p.String())
		}
	}
	step.Input = input.String()
	return step
}

func (r references) stays() (all []Blocked) {
	for _, p := range r.owned {
		if by := r.held[p]; by != "" {
			all = append(all, Blocked{Object: fmt.Sprintf("%s: chain %s", r.where, p), Holder: by})
		}
	}
	return all
}

// neighbours are those whose chains may refer to kube-proxy's, by the prefix of
// their names.
var neighbours = []struct{ prefix, who string }{
	{"KUBE-ROUTER-", "kube-router"},
	{"KUBE-POD-FW-", "kube-router"},
	{"KUBE-NWPLCY-", "kube-router"},
	{"KUBE-HOSTPORTS", "host ports"},
	{"KUBE-HP-", "host ports"},
	{"KUBE-", "the kubelet"},
	{"CNI-", "CNI"},
	{"cali-", "Calico"},
	{"CILIUM_", "Cilium"},
	{"ANTREA-", "Antrea"},
	{"FLANNEL-", "Flannel"},
	{"DOCKER", "Docker"},
}

// holder says that the rule holds something, and whose it looks like.
func (r rule) holder(where Where) string {
	whose := ""
	for _, n := range neighbours {
		if strings.HasPrefix(r.place.Chain, n.prefix) {
			whose = " of " + n.who
			break
		}
	}
	return fmt.Sprintf("held by a rule%s in %s, %s", whose, where, r)
}
