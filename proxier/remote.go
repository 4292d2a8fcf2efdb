package proxier

import (
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// remote are the Services with traffic that nobody here may answer, while
// endpoints on other nodes could.
type remote struct {
	of       map[owner]map[kindOfTraffic]struct{}
	services map[kindOfTraffic]int // how many have this kind
}

// kindOfTraffic is that from inside of the cluster, or from outside.
type kindOfTraffic struct {
	internal bool
	family   ipset.Family
}

func newRemote() remote {
	return remote{of: map[owner]map[kindOfTraffic]struct{}{}, services: map[kindOfTraffic]int{}}
}

// note keeps what rows say about svc: only such servers are in Drop, and those
// for clients inside of the cluster have its addresses.
func (r *remote) note(svc owner, rows state.Rows) {
	for kind := range r.of[svc] {
		r.services[kind]--
	}
	delete(r.of, svc)
	for vs := range rows.VirtualServers {
		entry := ipset.IPPort(vs.Addr, uint8(vs.Protocol))
		if _, dropped := rows.Members[state.Drop.Holding(entry)]; !dropped {
			continue
		}
		_, internal := rows.Members[state.ClusterPorts.Holding(entry)]
		if r.of[svc] == nil {
			r.of[svc] = map[kindOfTraffic]struct{}{}
		}
		r.of[svc][kindOfTraffic{internal, entry.Family()}] = struct{}{}
	}
	for kind := range r.of[svc] {
		r.services[kind]++
	}
}
