package ipvs

import (
	"context"
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Connections counts those that real servers have, active and closing ones
// together. It reads the real servers of the virtual servers concerned; what
// is not there has none. On an error nothing is counted.
func (i *IPVS) Connections(ctx context.Context, of []state.RealServer) (map[state.RealServer]int, error) {
	counts := make(map[state.RealServer]int, len(of))
	parents := map[state.VirtualServer]struct{}{}
	for _, rs := range of {
		counts[rs] = 0
		parents[rs.VirtualServer] = struct{}{}
	}
	for vs := range parents {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		request := command(getDest, wire.Append(nil, attrService, serviceKey(vs)...))
		err := i.rows.List(request, func(body []byte) error {
			rs, _, err := readDestination(vs, body)
			if _, concerned := counts[rs]; err == nil && concerned {
				counts[rs], err = readConnections(body)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("of %s: %w", vs, wire.Translate(err, nil))
		}
	}
	return counts, nil
}

// readConnections reads the counters out of a message about a real server.
func readConnections(body []byte) (n int, err error) {
	var in wire.Values
	err = eachOf(body, attrDest, func(kind uint16, v []byte) error {
		if kind == destActive || kind == destInactive {
			n += int(in.Uint32(v))
		}
		return nil
	})
	if err != nil || in.Bad {
		return 0, wire.ErrMalformed
	}
	return n, nil
}
