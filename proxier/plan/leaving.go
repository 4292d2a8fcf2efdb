package plan

import (
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Leaving is what a Service says of real servers that it does not want any
// more.
type Leaving struct {
	Timeout     time.Duration // they are kept for their connections at most this long
	Terminating map[state.RealServer]state.None
}

// Leave reads it from the frontends that the Service holds.
func Leave(frontends []Frontend, cfg Config) Leaving {
	l := Leaving{Timeout: cfg.DrainTimeout}
	for _, f := range frontends {
		if f.Health {
			continue
		}
		if t := f.Port.DrainTimeout; t != nil {
			l.Timeout = *t
		}
		if cfg.refuses(f.Port) {
			l.Timeout = 0
		}
		for _, e := range ofFamily(f.Port.Endpoints, f.Server.Addr.Addr()) {
			if !e.Terminating {
				continue
			}
			if l.Terminating == nil {
				l.Terminating = map[state.RealServer]state.None{}
			}
			l.Terminating[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}] = state.None{}
		}
	}
	return l
}
