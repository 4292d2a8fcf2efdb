package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Traffic answers what has been counted at virtual servers; one that is not
// there is left out. It has a socket of its own, so that it may be asked while
// rows are written. Each server is asked for by its name: a listing that races
// with writes may miss some, and a counter that goes down and up again looks
// like traffic that never was.
func (k *Kernel) Traffic(ctx context.Context, of []state.VirtualServer) (all map[state.VirtualServer]state.Traffic, err error) {
	c, err := k.dialIPVS()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.conn.close()) }()
	if err := c.find(); err != nil {
		return nil, err
	}
	all = make(map[state.VirtualServer]state.Traffic, len(of))
	for some := range slices.Chunk(of, looksPerSend) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := k.traffic(c, some, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// traffic asks for a few servers at once, and then for the connections that each
// has now.
func (k *Kernel) traffic(c *ipvsConn, some []state.VirtualServer, all map[state.VirtualServer]state.Traffic) error {
	requests := make([]request, len(some))
	for i, vs := range some {
		requests[i] = command(getService, attribute(nil, attrService, serviceKey(vs)))
	}
	counted := make([]state.Traffic, len(some))
	told := make([]error, len(some))
	for i := range told {
		told[i] = errShort
	}
	verdicts := c.ask(requests, func(i int, body []byte) { counted[i], told[i] = readTraffic(body) })
	for i, vs := range some {
		if errors.Is(verdicts[i], unix.ESRCH) {
			continue
		}
		if err := errors.Join(translate(verdicts[i], nil), told[i]); err != nil {
			return fmt.Errorf("count the traffic of %s: %w", vs, err)
		}
		err := c.list(command(getDest, attribute(nil, attrService, serviceKey(vs))), func(body []byte) error {
			n, err := readActive(body)
			counted[i].Active += n
			return err
		})
		if err != nil {
			return fmt.Errorf("count the connections of %s: %w", vs, translate(err, nil))
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
	found, short := 0, error(nil)
	err = eachOf(body, attrService, func(kind uint16, v []byte) {
		if kind != svcStats64 {
			return
		}
		short = eachAttribute(v, func(kind uint16, v []byte) {
			if field := fields[kind]; field != nil && len(v) == 8 {
				*field = binary.NativeEndian.Uint64(v)
				found++
			}
		})
	})
	if err == nil && short == nil && found < len(fields) {
		err = errShort
	}
	return t, errors.Join(err, short)
}

// readActive reads how many connections a real server has.
func readActive(body []byte) (n int, err error) {
	var in values
	err = eachOf(body, attrDest, func(kind uint16, v []byte) {
		if kind == destActive {
			n = int(in.uint32(v))
		}
	})
	if err != nil || in.bad {
		return 0, errShort
	}
	return n, nil
}
