package kernel

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// legacyChains are the per-Service chains that kube-proxy's iptables mode made
// in the nat table, in any release: SVC, SEP and FW since 1.2, XLB until 1.23,
// SVL and EXT since 1.24. Each name ends in 16 base32 characters of a hash;
// the bare prefix KUBE- belongs to others too.
var legacyChains = regexp.MustCompile(`^KUBE-(SVC|SEP|FW|XLB|SVL|EXT)-[A-Z2-7]{16}$`)

// RemoveStale deletes the per-Service chains of kube-proxy's iptables mode
// that no rule reaches any more, and tells how many there were. A switch of
// mode leaves them behind.
func (k *Kernel) RemoveStale(ctx context.Context) (removed int, err error) {
	for _, f := range k.Families() {
		t := k.tables[f]
		held, err := t.dump(ctx)
		if err != nil {
			return removed, err
		}
		stale := unreachable(held)
		if err := t.run(ctx, t.restore, removalText("nat", stale), "--noflush", "--wait", fmt.Sprint(lockSeconds)); err != nil {
			return removed, fmt.Errorf("remove %d stale chains: %w", len(stale), err)
		}
		removed += len(stale)
	}
	return removed, nil
}

// unreachable are the legacy chains of the nat table that only legacy chains
// jump to, and those in turn: a chain that a rule of anybody else leads to
// stays, with all that it leads to.
func unreachable(held dump) []string {
	jumps := map[string][]string{} // from legacy chain to legacy chain
	reached := map[string]bool{}
	var visit []string
	for _, p := range held.places() {
		if p.table != "nat" {
			continue
		}
		for _, rule := range held[p] {
			switch to := target(rule); {
			case !legacyChains.MatchString(to):
			case legacyChains.MatchString(p.chain):
				jumps[p.chain] = append(jumps[p.chain], to)
			default:
				visit = append(visit, to)
			}
		}
	}
	for len(visit) > 0 {
		name := visit[len(visit)-1]
		visit = visit[:len(visit)-1]
		if !reached[name] {
			reached[name] = true
			visit = append(visit, jumps[name]...)
		}
	}
	var stale []string
	for _, p := range held.places() {
		if p.table == "nat" && legacyChains.MatchString(p.chain) && !reached[p.chain] {
			stale = append(stale, p.chain)
		}
	}
	return stale
}

// removalText empties the chains first, since they jump to each other, and
// then deletes them; nothing for no chains.
func removalText(table string, chains []string) string {
	if len(chains) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", table)
	for _, c := range chains {
		fmt.Fprintf(&b, ":%s - [0:0]\n", c)
	}
	for _, c := range chains {
		fmt.Fprintf(&b, "-X %s\n", c)
	}
	b.WriteString("COMMIT\n")
	return b.String()
}
