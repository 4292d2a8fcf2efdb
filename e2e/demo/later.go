//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// kernel shows what the kernel holds as a person sees it.
func (d *demo) kernel(context.Context) error {
	d.step("What the kernel holds", "This is all that carries the traffic, and kube-ipvs could end now: virtual servers "+
		"with the Pods behind them, and the Services' addresses on a device of its own.")
	text, err := d.node().Run("ipvsadm", "-Ln")
	if err != nil {
		return err
	}
	half, virtual, real := explained(text, d.fronts, d.stage.names)
	d.block("$ ipvsadm -Ln\n" + half)
	d.say("The same follows for IPv6: %d virtual servers with %d real ones.", virtual, real)
	if text, err = d.node().Run("ip", "-br", "addr", "show", "kube-ipvs0"); err != nil {
		return err
	}
	d.block("$ ip -br addr show kube-ipvs0\n" + wrapped(text, width-indent))
	if s, err := readServers(d.node()); err != nil {
		return err
	} else if err := s.lacks(d.fronts); err != nil {
		d.wrong("%v", err)
	}
	return nil
}

// scale adds two Pods to web and measures.
func (d *demo) scale(ctx context.Context) error {
	var more []endpoint
	for _, h := range []struct {
		*lab.Host
		pod string
	}{{d.stage.lab.Node, "p3"}, {d.stage.lab.Node2, "r2"}} {
		p := d.stage.lab.Pod(h.pod)
		more = append(more, endpoint{p.IPv4, h.Name}, endpoint{p.IPv6, h.Name})
	}
	d.step("From three Pods to five", "web is scaled: p3 and r2 join, and the EndpointSlices of all three Services are "+
		"written to the API. Then the same questions again.")
	w := d.stage.world.grown(more)
	d.fronts = w.fronts()
	begin := time.Now()
	for _, s := range w.slices {
		if err := d.stage.api.Set(s); err != nil {
			return err
		}
	}
	ctx, cancel := d.untilItEnds(ctx)
	defer cancel()
	err := often(ctx, func() error {
		s, err := readServers(d.node())
		if err != nil {
			return err
		}
		return s.lacks(d.fronts)
	})
	if err != nil {
		return err
	}
	d.say("%s after the first of %d writes the kernel had the new Pods behind all %d virtual servers (its own list was "+
		"read every millisecond).", short(time.Since(begin)), len(w.slices), len(d.fronts))
	return d.ask()
}

// after looks for the chains that kube-proxy had left.
func (d *demo) after(ctx context.Context) error {
	d.step("And the old chains?", "When its own rules stood, kube-ipvs removed what kube-proxy had made for Services and "+
		"nobody used any more. The nat table of node now:")
	ctx, cancel := d.untilItEnds(ctx)
	defer cancel()
	var now []chain
	err := lab.Until(ctx, func() (err error) {
		if now, err = d.chains(); err != nil {
			return err
		}
		if old, _ := sorted(now); len(old) > 0 {
			return fmt.Errorf("the chains %s are still there, expected none of kube-proxy's", names(old))
		}
		return nil
	})
	if err != nil {
		d.wrong("%v", err)
	}
	if lost := changed(d.foreign, now); len(lost) > 0 {
		d.wrong("%s is gone or has changed, expected it as it was", strings.Join(lost, ", "))
	}
	t := table{{"chain", "rules", "jumps to it", "whose"}}
	for _, c := range now {
		whose := "others'"
		switch {
		case strings.HasPrefix(c.name, "KIPVS-"):
			whose = "kube-ipvs, the same for any number of Services"
		case perService.MatchString(c.name):
			whose = "kube-proxy, for " + c.what + ": WRONG"
		}
		t = append(t, []string{c.name, fmt.Sprint(len(c.rules)), fmt.Sprint(c.jumps), whose})
	}
	d.block(t.String())
	return nil
}

// chains are those of the node's nat table.
func (d *demo) chains() ([]chain, error) {
	text, err := d.node().Run("iptables-save", "-t", "nat")
	return readChains(text), err
}

// often calls try every millisecond until it returns nil or ctx ends: finer
// than lab.Until, for what is measured.
func often(ctx context.Context, try func() error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

// short is a duration as people say it.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func names(chains []chain) string {
	var list []string
	for _, c := range chains {
		list = append(list, c.name)
	}
	return strings.Join(list, " and ")
}

func keys(counts map[string]int) string {
	return strings.Join(slices.Sorted(maps.Keys(counts)), " ")
}
