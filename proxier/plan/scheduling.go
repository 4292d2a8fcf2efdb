package plan

import (
	"fmt"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// balancing is how the virtual servers of p share out connections.
func balancing(p *cluster.Port, cfg Config) state.Balancing {
	name := cfg.scheduler(p)
	return state.Balancing{Scheduler: name, Flags: flags(name, p.Scheduler.Ports), Affinity: p.Affinity}
}

// scheduler is the one that p has: its Service's, as far as the kernel has it,
// or else the node's.
func (cfg Config) scheduler(p *cluster.Port) string {
	if name := p.Scheduler.Name; name != "" && !cfg.Lacking[name] {
		return name
	}
	return cfg.Scheduler
}

// flags keep a real server at weight 0 from refusing the clients that are
// hashed to it, and say whether a client's connections are told apart by its
// port: mh does so unless it is told otherwise, sh only when it is told so.
func flags(scheduler string, ports *bool) (f state.SchedulerFlags) {
	if !state.Schedulers[scheduler].Hashes {
		return 0
	}
	f = state.Fallback
	if ports == nil && scheduler == "mh" || ports != nil && *ports {
		f |= state.HashPort
	}
	return f
}

// weight of an endpoint is 1 unless its slice says otherwise.
func weight(e cluster.Endpoint) state.Weight { return state.Weight(max(e.Weight, 1)) }

// unschedulable says what of the wishes about p's scheduler nothing comes of.
func unschedulable(p *cluster.Port, cfg Config) (remarks []cluster.Remark) {
	name := cfg.scheduler(p)
	wish := p.Scheduler.Name
	lacking := cfg.Lacking[wish] && wish != cfg.Scheduler
	if lacking {
		remarks = append(remarks, p.Remark(p.Scheduler.Field,
			fmt.Sprintf("the kernel of this node has no scheduler %s (module ip_vs_%s): %s is used", wish, wish, name)))
	}
	if p.Scheduler.Ports != nil && !state.Schedulers[name].Hashes && !lacking {
		remarks = append(remarks, p.Remark(p.Scheduler.Field, fmt.Sprintf("scheduler %s has no flags: mh and sh have", name)))
	}
	weighted := slices.ContainsFunc(p.Endpoints, func(e cluster.Endpoint) bool { return weight(e) != weight(p.Endpoints[0]) })
	if weighted && state.Schedulers[name].Even {
		remarks = append(remarks, p.Remark("endpoints", fmt.Sprintf("scheduler %s does not heed weights: wrr and wlc do", name)))
	}
	return append(remarks, undrainable(p, cfg)...)
}

// undrainable says that no connection to an endpoint that leaves is waited for,
// although the Service asks for time, or for the scheduler that forbids it.
func undrainable(p *cluster.Port, cfg Config) []cluster.Remark {
	field, timeout := p.Scheduler.Field, cfg.DrainTimeout
	if p.DrainTimeout != nil {
		field, timeout = cluster.DrainTimeoutField, *p.DrainTimeout
	}
	asks := p.Scheduler.Name != "" || p.DrainTimeout != nil
	if !asks || timeout == 0 || !cfg.refuses(p) {
		return nil
	}
	return []cluster.Remark{p.Remark(field, fmt.Sprintf(
		"scheduler %s refuses clients while an endpoint drains: connections to one that leaves are reset at once", cfg.scheduler(p)))}
}

// refuses tells whether clients of p would be refused while a real server has
// weight 0.
func (cfg Config) refuses(p *cluster.Port) bool { return state.Schedulers[cfg.scheduler(p)].Refuses }
