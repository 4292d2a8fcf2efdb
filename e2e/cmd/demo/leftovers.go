//go:build linux

package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

//go:embed leftovers.rules
var leftovers string

// before puts in place what kube-proxy has left behind.
func (d *demo) before(context.Context) error {
	d.step("What kube-proxy has left behind", "kube-proxy served these Services in its iptables mode, when web-lb had no "+
		"Pods yet; then it was ended. Its rules stay: the demo has loaded what the real one left on this node.")
	v4, v6, _ := strings.Cut(leftovers, second)
	if err := d.stage.load(v4, v6); err != nil {
		return err
	}
	all, err := d.chains()
	if err != nil {
		return err
	}
	d.old, d.foreign, _ = sorted(all)
	d.block(byKind(d.old, "kube-proxy").String())
	d.say("%d chains for both families. Packets still come to them, by %d jumps from built-in chains. One of these leads "+
		"to the rule that refuses what is for web-lb, which had no endpoint:", len(d.old), hooks(d.old))
	d.block(strings.Join(refusing(d.old), "\n"))
	for _, f := range d.stage.world.fronts() {
		if f.service == late && f.way == v1.ServiceTypeLoadBalancer && f.at.Addr().Is4() {
			if _, err := lab.Ask(d.stage.lab.Outside, lab.TCP, f.at, patience); !errors.Is(err, lab.ErrRefused) {
				d.wrong("outside asks %s, which the rule above refuses: %v", f.at, err)
			}
			d.asked++
			d.say("web-lb has Pods by now. outside asks it at %s all the same, and is refused.", f.at)
		}
	}
	return nil
}

// account is a counter that a rule counts with; it has to be there first.
// iptables-save prints two blanks before its name.
var account = regexp.MustCompile(`--nfacct-name +(\S+)`)

// load adds rules of both families to the node's.
func (s *stage) load(v4, v6 string) error {
	known := map[string]bool{}
	for _, m := range account.FindAllStringSubmatch(v4+v6, -1) {
		if known[m[1]] {
			continue
		}
		known[m[1]] = true
		if _, err := s.lab.Node.Run("nfacct", "add", m[1]); err != nil {
			return err
		}
	}
	return s.lab.Node.Do(func() error {
		for _, part := range []struct{ program, rules string }{{"iptables-restore", v4}, {"ip6tables-restore", v6}} {
			restore := exec.Command(part.program, "--noflush")
			restore.Stdin = strings.NewReader(part.rules)
			if out, err := restore.CombinedOutput(); err != nil {
				return fmt.Errorf("load the old rules: %s: %w: %s", part.program, err, out)
			}
		}
		return nil
	})
}

// byKind counts chains of one owner by table and kind.
func byKind(chains []chain, whose string) table {
	type kind struct{ table, name string }
	type sum struct{ chains, rules, hooks, jumps int }
	sums := map[kind]sum{}
	var order []kind
	for _, c := range chains {
		k := kind{c.table, c.kind()}
		if sums[k].chains == 0 {
			order = append(order, k)
		}
		s := sums[k]
		sums[k] = sum{s.chains + 1, s.rules + len(c.rules), s.hooks + len(c.hooks), s.jumps + c.jumps}
	}
	slices.SortFunc(order, func(a, b kind) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.name, b.name)) })
	t := table{{"table", "chain of " + whose, "number", "rules", "jumps to it", "from built-in chains"}}
	for _, k := range order {
		s := sums[k]
		t = append(t, []string{k.table, k.name, fmt.Sprint(s.chains), fmt.Sprint(s.rules), fmt.Sprint(s.jumps + s.hooks), fmt.Sprint(s.hooks)})
	}
	return t
}

func hooks(chains []chain) (n int) {
	for _, c := range chains {
		n += len(c.hooks)
	}
	return n
}

// refusing are the rule that refuses the late Service's IPv4 address and the
// jumps that lead there.
func refusing(chains []chain) (all []string) {
	for _, c := range chains {
		for _, r := range c.rules {
			if strings.Contains(r, "/"+late+" ") && strings.Contains(r, "REJECT") && c.name == "KUBE-EXTERNAL-SERVICES" &&
				!strings.Contains(r, "icmp6") {
				all = append(all, r)
				all = append(slices.DeleteFunc(slices.Clone(c.hooks), func(h string) bool { return !strings.HasPrefix(h, "-A INPUT") }), all...)
			}
		}
	}
	return all
}

// takenOver tells whether nothing of kube-proxy's is left.
func (d *demo) takenOver() error {
	now, err := d.chains()
	if err != nil {
		return err
	}
	if old, _, _ := sorted(now); len(old) > 0 {
		return fmt.Errorf("the chains %s are still there, expected none of kube-proxy's", names(old))
	}
	return nil
}

// after shows all chains.
func (d *demo) after(context.Context) error {
	d.step("What is left", "As soon as its own rules stood and were checked, kube-ipvs took kube-proxy's away: the jumps "+
		"first, then the rules, then the chains. The tables of node now, both families:")
	now, err := d.chains()
	if err != nil {
		return err
	}
	old, foreign, ours := sorted(now)
	if len(old) > 0 {
		d.wrong("the chains %s are there, expected none of kube-proxy's", names(old))
	}
	if lost := changed(d.foreign, now); len(lost) > 0 {
		d.wrong("%s is gone or has changed, expected it as it was", strings.Join(lost, ", "))
	}
	d.block(byKind(ours, "kube-ipvs").String())
	d.say("They are the same for any number of Services. Of %d chains of kube-proxy's %d are left; the kubelet's are as they were:",
		len(d.old), len(old))
	d.block(byKind(foreign, "the kubelet").String())
	return nil
}

// chains are those of all of the node's tables: first of IPv4.
func (d *demo) chains() (all []chain, err error) {
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		text, err := d.node().Run(program)
		if err != nil {
			return nil, err
		}
		all = append(all, readChains(text)...)
	}
	return all, nil
}
