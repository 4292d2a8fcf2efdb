package plan

import (
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// draining is what the Service that holds these frontends says of real servers that
// it does not want any more.
func draining(held []frontend, cfg Config) drain.Service {
	says := drain.Service{Timeout: cfg.DrainTimeout}
	for _, f := range held {
		if f.Origin == HealthPort {
			continue
		}
		if t := f.Port.DrainTimeout; t != nil {
			says.Timeout = *t
		}
		if cfg.refuses(f.Port) {
			says.Timeout = 0
		}
		for _, e := range ofFamily(f.Port.Endpoints, f.Server.Addr.Addr()) {
			if !e.Terminating {
				continue
			}
			if says.Terminating == nil {
				says.Terminating = map[state.RealServer]state.None{}
			}
			says.Terminating[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}] = state.None{}
		}
	}
	return says
}
