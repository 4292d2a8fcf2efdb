package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Prepare makes sure of what never varies: the device, the routes to what is
// bound to it, the sets and the rules, whatever is missing or different of them,
// and writes nothing else. In that order: rules refer to sets. What fails keeps nothing else from being
// made, in the other family least of all. It tells how many it has put right,
// by kind. It starts programs, and may run beside the goroutine that writes rows,
// but not beside itself, Scan or Do. A member that is added while its set is
// made anew may be lost; reading back finds that.
func (k *Kernel) Prepare(ctx context.Context) (mended map[string]int, err error) {
	mended = map[string]int{}
	var errs []error
	note := func(kind string, n int, err error) {
		mended[kind] += n
		errs = append(errs, err)
	}
	devices, err := k.EnsureDevice()
	note("device", devices, err)
	routes, err := k.EnsureRoutes()
	note("route", routes, err)
	for _, f := range k.Families() {
		made, err := k.EnsureAnswers(f)
		if note("virtual server", 0, err); made {
			mended["virtual server"]++
		}
		sets, err := k.ensureSets(ctx, f)
		note("set", sets, err)
		rules, err := k.beside.tables[f].ensure(ctx, func(refuses bool) []chain {
			cfg := k.cfg.Rules
			cfg.Accept = k.cfg.Accept.where(refuses)
			return program(f, cfg)
		}, k.generation)
		note("rule", rules, err)
	}
	maps.DeleteFunc(mended, func(_ string, n int) bool { return n == 0 })
	return mended, errors.Join(errs...)
}

// ensureSets makes the sets of one family that are missing, and those anew that
// bear the name of ours and are something else (K15). It tells how many.
func (k *Kernel) ensureSets(ctx context.Context, f ipset.Family) (made int, err error) {
	there, err := k.beside.sets.Sets()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, s := range state.Sets() {
		want := ipset.Set{Name: s.Name(f), Type: s.Type(), Family: f, MaxEntries: maxMembers}
		i := slices.IndexFunc(there, func(have ipset.Set) bool { return have.Name == want.Name })
		if i >= 0 && there[i].Type == want.Type && there[i].Family == f && there[i].MaxEntries >= maxMembers {
			continue
		}
		if i >= 0 && (there[i].Type != want.Type || there[i].Family != f) {
			err = k.replaceSet(ctx, there[i], want)
		} else {
			err = ensureSet(k.beside.sets, want)
		}
		if errs = append(errs, err); err == nil {
			made++
		}
	}
	return made, errors.Join(errs...)
}

// replaceSet makes a set of another type anew. It cannot be swapped, nor renamed
// while a rule refers to it: our own rules are taken out for a moment, once.
func (k *Kernel) replaceSet(ctx context.Context, have, want ipset.Set) error {
	err := k.beside.sets.Destroy(have.Name)
	if t := k.beside.tables[want.Family]; errors.Is(err, ipset.ErrBusy) && !t.yielded[have.Name] {
		if err = t.takeOut(ctx, have.Name); err == nil {
			err = k.beside.sets.Destroy(have.Name)
			t.yielded[have.Name] = err != nil // ours would go in vain each time
		}
	}
	if err != nil {
		return fmt.Errorf("set %s is %s %s and has to be %s %s: %w", have.Name, have.Type, have.Family, want.Type, want.Family, err)
	}
	return k.beside.sets.Create(want)
}

// generation numbers the states of nftables in this network namespace: each
// change of anybody's begins a new one.
type generation struct {
	id    uint32
	known bool // false without nftables, and with the legacy backend
}

// generation asks for the present one. An error means only that the rules have
// to be read.
func (k *Kernel) generation() (g generation) {
	r := wire.Request{Kind: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Body: wire.NetfilterHeader(unix.AF_UNSPEC, 0)}
	errs := k.beside.netfilter.Ask([]wire.Request{r}, func(_ int, body []byte) (err error) {
		g, err = parseGeneration(body)
		return err
	})
	if errs[0] != nil {
		return generation{}
	}
	return g
}

func parseGeneration(body []byte) (g generation, err error) {
	if len(body) < nl.SizeofNfgenmsg {
		return g, wire.ErrMalformed
	}
	err = wire.EachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) error {
		if kind == unix.NFTA_GEN_ID && len(v) >= 4 {
			g = generation{binary.BigEndian.Uint32(v), true}
		}
		return nil
	})
	return g, err
}
