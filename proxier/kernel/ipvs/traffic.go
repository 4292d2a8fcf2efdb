package ipvs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Traffic answers what has been counted at virtual servers; one that is not
// there is left out. It has a socket of its own, so that it may be asked while
// rows are written. Each server is asked for by its name: a listing that races
// with writes may miss some, and a counter that goes down and up again looks
// like traffic that never was.
func (*IPVS) Traffic(ctx context.Context, of []state.VirtualServer) (all map[state.VirtualServer]state.Traffic, err error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.find(); err != nil {
		return nil, err
	}
	all = make(map[state.VirtualServer]state.Traffic, len(of))
	for some := range slices.Chunk(of, looksPerSend) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := traffic(c, some, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// traffic asks for a few servers at once, and then for the connections that each
// has now.
func traffic(c *conn, some []state.VirtualServer, all map[state.VirtualServer]state.Traffic) error {
	requests := make([]wire.Request, len(some))
	for i, vs := range some {
		requests[i] = command(getService, wire.Append(nil, attrService, serviceKey(vs)...))
	}
	counted := make([]state.Traffic, len(some))
	told := make([]error, len(some))
	for i := range told {
		told[i] = wire.ErrMalformed
	}
	verdicts := c.Ask(requests, func(i int, body []byte) error {
		counted[i], told[i] = readTraffic(body)
		return nil
	})
	for i, vs := range some {
		if errors.Is(verdicts[i], unix.ESRCH) {
			continue
		}
		if err := errors.Join(wire.Translate(verdicts[i], nil), told[i]); err != nil {
			return fmt.Errorf("count the traffic of %s: %w", vs, err)
		}
		err := c.List(command(getDest, wire.Append(nil, attrService, serviceKey(vs)...)), func(body []byte) error {
			n, err := readActive(body)
			counted[i].Active += n
			return err
		})
		if err != nil {
			return fmt.Errorf("count the connections of %s: %w", vs, wire.Translate(err, nil))
		}
		all[vs] = counted[i]
	}
	return nil
}

// readTraffic reads the counters out of a message about a virtual server.
func readTraffic(body []byte) (t state.Traffic, err error) {
	fields := map[uint16]*uint64{
		statsConns: &t.Connections, statsInPkts: &t.PacketsIn, statsOutPkts: &t.PacketsOut,
		statsInBytes: &t.BytesIn, statsOutBytes: &t.BytesOut,
	}
	found := 0
	err = eachOf(body, attrService, func(kind uint16, v []byte) error {
		if kind != svcStats64 {
			return nil
		}
		return wire.EachAttribute(v, func(kind uint16, v []byte) error {
			if field := fields[kind]; field != nil && len(v) == 8 {
				*field = binary.NativeEndian.Uint64(v)
				found++
			}
			return nil
		})
	})
	if err == nil && found < len(fields) {
		err = wire.ErrMalformed
	}
	return t, err
}

// readActive reads how many connections a real server has.
func readActive(body []byte) (n int, err error) {
	var in wire.Values
	err = eachOf(body, attrDest, func(kind uint16, v []byte) error {
		if kind == destActive {
			n = int(in.Uint32(v))
		}
		return nil
	})
	if err != nil || in.Bad {
		return 0, wire.ErrMalformed
	}
	return n, nil
}
