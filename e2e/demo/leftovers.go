//go:build linux

package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

//go:embed leftovers.rules
var leftovers string

// before puts in place what kube-proxy leaves behind.
func (d *demo) before(context.Context) error {
	d.step("What kube-proxy has left behind", "In its iptables mode kube-proxy makes a chain for every Service (KUBE-SVC) "+
		"and every endpoint (KUBE-SEP). Switched to another mode it may leave them where they are. The demo has put "+
		"such chains into the nat table of node:")
	err := d.node().Do(func() error {
		restore := exec.Command("iptables-restore", "--noflush")
		restore.Stdin = strings.NewReader(leftovers)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("load the old chains: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all, err := d.chains()
	if err != nil {
		return err
	}
	d.old, d.foreign = sorted(all)
	slices.SortStableFunc(d.old, func(a, b chain) int {
		return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.jumps, b.jumps))
	})
	t := table{{"chain", "rules", "jumps to it", "made for"}}
	for _, c := range d.old {
		t = append(t, []string{c.name, fmt.Sprint(len(c.rules)), fmt.Sprint(c.jumps), c.what})
	}
	d.block(t.String())
	d.say("%d chains, and nobody but they themselves jumps to them: no packet ever comes here. Beside them are %s; those "+
		"belong to the kubelet and to others, and must stay.", len(d.old), names(d.foreign))
	return nil
}

// after looks for the chains that kube-proxy had left.
func (d *demo) after(ctx context.Context) error {
	d.step("And the old chains?", "Once its own rules stood, kube-ipvs was to remove what kube-proxy had made for "+
		"Services and nobody used any more. The nat table of node now:")
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
		whose := "of others"
		switch {
		case strings.HasPrefix(c.name, "KIPVS-"):
			whose = "of kube-ipvs, the same for any number of Services"
		case perService.MatchString(c.name):
			whose = "of kube-proxy, for " + c.what + ": WRONG"
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
