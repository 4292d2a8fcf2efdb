package ipvs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// VirtualServers are the IPVS services that bear our flag, in excluded ranges
// too: those are about servers of others. One that is in the way and does not
// bear it is adopted in place when it is wanted: its connections live on.
func (i *IPVS) VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing] {
	return virtualServers{i}
}

type virtualServers struct{ ipvs *IPVS }

func (v virtualServers) List(context.Context) (map[state.VirtualServer]state.Balancing, error) {
	rows := map[state.VirtualServer]state.Balancing{}
	err := v.ipvs.rows.List(command(getService, nil), func(body []byte) error { return v.read(body, rows) })
	if err != nil {
		return nil, wire.Translate(err, nil)
	}
	return rows, nil
}

// read puts the service of one message into rows, if it is ours.
func (v virtualServers) read(body []byte, rows map[state.VirtualServer]state.Balancing) error {
	s, err := v.ipvs.names.readService(body)
	if err == nil && s.ours {
		rows[s.vs] = s.how
	}
	return err
}

// looksPerSend is small: each answer is a whole service, which takes several
// times the room of a verdict in the receive buffer.
const looksPerSend = 16

// Look asks for each by its name.
func (v virtualServers) Look(_ context.Context, keys []state.VirtualServer) (map[state.VirtualServer]state.Balancing, error) {
	rows := make(map[state.VirtualServer]state.Balancing, len(keys))
	for some := range slices.Chunk(keys, looksPerSend) {
		requests := make([]wire.Request, len(some))
		for i, vs := range some {
			requests[i] = command(getService, wire.Append(nil, attrService, serviceKey(vs)...))
		}
		told := make([]error, len(some))
		for i := range told {
			told[i] = wire.ErrMalformed
		}
		verdicts := v.ipvs.rows.Ask(requests, func(i int, body []byte) error {
			told[i] = v.read(body, rows)
			return nil
		})
		for i, vs := range some {
			switch err := verdicts[i]; {
			case errors.Is(err, unix.ESRCH):
			case err != nil:
				return nil, fmt.Errorf("%s: %w", vs, wire.Translate(err, nil))
			case told[i] != nil:
				return nil, fmt.Errorf("%s: %w", vs, told[i])
			}
		}
	}
	return rows, nil
}

func (v virtualServers) Apply(_ context.Context, ops []reconcile.Op[state.VirtualServer, state.Balancing]) []error {
	requests := func(op reconcile.Op[state.VirtualServer, state.Balancing], otherwise bool) wire.Request {
		switch {
		case op.Verb == reconcile.Delete:
			return command(delService, wire.Append(nil, attrService, serviceKey(op.Key)...))
		case (op.Verb == reconcile.Create) != otherwise:
			return command(newService, wire.Append(nil, attrService, service(op.Key, op.Value)...))
		default:
			return command(setService, wire.Append(nil, attrService, service(op.Key, op.Value)...))
		}
	}
	errs := applyTwice(v.ipvs.rows, ops, requests, map[unix.Errno]bool{unix.EEXIST: true, unix.ESRCH: true})
	for i, op := range ops {
		if op.Verb == reconcile.Delete {
			errs[i] = wire.Verdict(errs[i], map[unix.Errno]error{unix.ESRCH: nil})
		} else {
			errs[i] = wire.Verdict(errs[i], map[unix.Errno]error{unix.ENOENT: fmt.Errorf("%w: %s", state.ErrNoScheduler, op.Value.Scheduler)})
		}
	}
	return errs
}

// RealServers are the destinations of our virtual servers.
func (i *IPVS) RealServers() reconcile.Kind[state.RealServer, state.Weight] {
	return realServers{i}
}

type realServers struct{ ipvs *IPVS }

func (r realServers) List(ctx context.Context) (map[state.RealServer]state.Weight, error) {
	parents, err := virtualServers(r).List(ctx)
	if err != nil {
		return nil, err
	}
	return r.under(ctx, maps.Keys(parents))
}

// Look lists all that stands under their virtual servers: the kernel has no
// smaller question. One without an address asks for just that.
func (r realServers) Look(ctx context.Context, keys []state.RealServer) (map[state.RealServer]state.Weight, error) {
	parents := map[state.VirtualServer]struct{}{}
	for _, rs := range keys {
		parents[rs.VirtualServer] = struct{}{}
	}
	return r.under(ctx, maps.Keys(parents))
}

func (r realServers) under(ctx context.Context, parents iter.Seq[state.VirtualServer]) (map[state.RealServer]state.Weight, error) {
	rows := map[state.RealServer]state.Weight{}
	for vs := range parents {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.read(vs, rows); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// read puts the real servers of vs into rows. Of a virtual server that does not
// exist the kernel lists none.
func (r realServers) read(vs state.VirtualServer, rows map[state.RealServer]state.Weight) error {
	request := command(getDest, wire.Append(nil, attrService, serviceKey(vs)...))
	err := r.ipvs.rows.List(request, func(body []byte) error {
		rs, weight, err := readDestination(vs, body)
		if err == nil {
			rows[rs] = weight
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("of %s: %w", vs, wire.Translate(err, nil))
	}
	return nil
}

func (r realServers) Apply(_ context.Context, ops []reconcile.Op[state.RealServer, state.Weight]) []error {
	requests := func(op reconcile.Op[state.RealServer, state.Weight], otherwise bool) wire.Request {
		body := wire.Append(nil, attrService, serviceKey(op.Key.VirtualServer)...)
		body = wire.Append(body, attrDest, destination(op.Key.Addr, forwardNAT, op.Value)...)
		switch {
		case op.Verb == reconcile.Delete:
			return command(delDest, body)
		case (op.Verb == reconcile.Create) != otherwise:
			return command(newDest, body)
		default:
			return command(setDest, body)
		}
	}
	errs := applyTwice(r.ipvs.rows, ops, requests, map[unix.Errno]bool{unix.EEXIST: true, unix.ENOENT: true})
	for i, op := range ops {
		if op.Verb == reconcile.Delete {
			errs[i] = wire.Verdict(errs[i], map[unix.Errno]error{unix.ENOENT: nil, unix.ESRCH: nil})
		} else {
			errs[i] = wire.Verdict(errs[i], map[unix.Errno]error{unix.ESRCH: state.ErrNoVirtualServer})
		}
	}
	return errs
}

// applyTwice sends all ops and then, once more with the other verb, those that
// found the row there although it should not be, or the reverse: the state a
// caller believes in may be old, and an op has to end with the row as wanted.
func applyTwice[K, V comparable](
	c *conn, ops []reconcile.Op[K, V],
	encode func(op reconcile.Op[K, V], otherwise bool) wire.Request,
	mistaken map[unix.Errno]bool,
) []error {
	first := make([]wire.Request, len(ops))
	for i, op := range ops {
		first[i] = encode(op, false)
	}
	errs := c.Do(first)

	var again []wire.Request
	var which []int
	for i, err := range errs {
		var errno unix.Errno
		if errors.As(err, &errno) && mistaken[errno] && ops[i].Verb != reconcile.Delete {
			again = append(again, encode(ops[i], true))
			which = append(which, i)
		}
	}
	for i, err := range c.Do(again) {
		errs[which[i]] = err
	}
	return errs
}
