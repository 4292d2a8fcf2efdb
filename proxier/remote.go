package proxier

import (
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// remote are the kinds of traffic of one Service that nobody here may answer,
// while endpoints on other nodes could.
type remote struct {
	internal, external map[ipset.Family]bool
}

// noteRemote keeps what rows say about that: only such servers are in Drop, and
// those for clients inside of the cluster have its addresses.
func (p *Proxier) noteRemote(svc owner, rows state.Rows) {
	delete(p.remote, svc)
	for vs := range rows.VirtualServers {
		entry := ipset.IPPort(vs.Addr, uint8(vs.Protocol))
		if _, dropped := rows.Members[state.Drop.Holding(entry)]; !dropped {
			continue
		}
		r, known := p.remote[svc]
		if !known {
			r = remote{internal: map[ipset.Family]bool{}, external: map[ipset.Family]bool{}}
			p.remote[svc] = r
		}
		if _, inside := rows.Members[state.ClusterPorts.Holding(entry)]; inside {
			r.internal[entry.Family()] = true
		} else {
			r.external[entry.Family()] = true
		}
	}
}
