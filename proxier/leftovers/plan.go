package leftovers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Plan is what has to be done, in order.
type Plan struct {
	Steps []Step
	Stays []Blocked
}

// Plan says what the scope of the look asks for.
func (f Found) Plan() (p Plan) {
	if f.Scope == Adoption {
		p.addServers(AdoptServers, f.kubeProxyServers())
		return p
	}
	f.planRules(&p)
	if f.Scope == Cleanup {
		// Sets and device tell whose the virtual servers are, so they go after
		// them: interrupted anywhere, a second run knows as much as the first.
		p.addServers(DeleteServers, append(f.kubeProxyServers(), f.ourServers()...))
		p.add(Step{Action: DeleteAnswers, Objects: chosen(f.Answers, func(string) bool { return true })})
	}
	f.planSets(&p)
	p.add(Step{Action: DeleteAccounts, Objects: chosen(f.Accounts, func(a string) bool { return kubeProxyAccounts[a] })})
	if f.Scope == Cleanup {
		p.add(Step{Action: RemoveDevice, Objects: chosen([]string{f.Device}, func(name string) bool { return name != "" })})
		p.addSettings(RestoreSysctls, f.Sysctls)
		p.addSettings(RestoreTimeouts, f.Timeouts)
	}
	p.Stays = append(p.Stays, f.Unread...)
	return p
}

// planRules first ends the use of all chains, in every backend and family, then
// empties all, which removes what they refer to each other by, and then deletes
// those that nothing else refers to.
func (f Found) planRules(p *Plan) {
	var unhook, empty, remove []Step
	for _, where := range f.wheres() {
		r := f.references(where)
		unhook = append(unhook, r.unhook())
		empty = append(empty, r.empty())
		remove = append(remove, r.remove())
		p.Stays = append(p.Stays, r.stays()...)
	}
	tables := Step{Action: DeleteTables, Objects: chosen(f.NFTables, f.Scope.NFTable)}
	for _, s := range slices.Concat(unhook, []Step{tables}, empty, remove) {
		p.add(s)
	}
}

// planSets leaves the sets that rules of others look into.
func (f Found) planSets(p *Plan) {
	holders := map[string]string{}
	for _, where := range f.wheres() {
		for _, r := range f.foreign(where) {
			for _, set := range xtables.Sets(r.text) {
				holders[set] = r.holder(where)
			}
		}
	}
	step := Step{Action: DestroySets}
	for _, set := range chosen(f.Sets, f.Scope.Set) {
		if by, held := holders[set]; held {
			p.Stays = append(p.Stays, Blocked{Object: "set " + set, Holder: by})
		} else {
			step.Objects = append(step.Objects, set)
		}
	}
	p.add(step)
}

// add puts a step on the plan if it has any objects.
func (p *Plan) add(s Step) {
	if len(s.Objects) > 0 {
		p.Steps = append(p.Steps, s)
	}
}

func (p *Plan) addServers(action Action, servers []Server) {
	slices.SortFunc(servers, func(a, b Server) int { return a.Compare(b.VirtualServer) })
	step := Step{Action: action, Servers: servers}
	for _, s := range servers {
		step.Objects = append(step.Objects, fmt.Sprint(s.VirtualServer))
	}
	p.add(step)
}

func (p *Plan) addSettings(action Action, changed []Sysctl) {
	step := Step{Action: action, Sysctls: changed}
	for _, s := range changed {
		step.Objects = append(step.Objects, fmt.Sprintf("%s from %s to %s", s.Name, s.Is, s.Was))
	}
	p.add(step)
}

// chosen are those names that are to go, sorted.
func chosen(names []string, goes func(string) bool) (all []string) {
	for _, n := range slices.Sorted(slices.Values(names)) {
		if goes(n) {
			all = append(all, n)
		}
	}
	return all
}

// wheres are the tables that were found, in a steady order.
func (f Found) wheres() []Where {
	return slices.SortedFunc(maps.Keys(f.Rules), func(a, b Where) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Family, b.Family))
	})
}

// String prints the steps and then what stays.
func (p Plan) String() (text string) {
	for _, s := range p.Steps {
		text += s.String()
	}
	for _, s := range p.Stays {
		text += fmt.Sprintf("stays: %s\n", s)
	}
	return text
}
