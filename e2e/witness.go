//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// witness is all that a Service proxy may change on a node, as other programs
// show it. Two of them can be compared with ==.
type witness struct {
	Legacy, NFT string // rules of iptables, of both families
	Tables      string // of nftables
	Sets        string
	IPVS        string
	Links       string
	Addresses   string
	Local       string // routes
	Accounts    string // counters of nfacct
}

// fields are the parts by their names.
func (w witness) fields() []struct{ name, text string } {
	return []struct{ name, text string }{
		{"iptables-legacy", w.Legacy},
		{"iptables-nft", w.NFT},
		{"nftables", w.Tables},
		{"ipset", w.Sets},
		{"ipvsadm", w.IPVS},
		{"links", w.Links},
		{"addresses", w.Addresses},
		{"local routes", w.Local},
		{"nfacct", w.Accounts},
	}
}

// witnessOf asks all programs at a time.
func witnessOf(t *testing.T, n *lab.Namespace) (w witness) {
	t.Helper()
	var errs [9]error
	var looking sync.WaitGroup
	looking.Go(func() { w.Legacy, errs[0] = rulesOf(n, legacy) })
	looking.Go(func() { w.NFT, errs[1] = rulesOf(n, nft) })
	looking.Go(func() { w.Tables, errs[2] = tablesOf(n) })
	looking.Go(func() { w.Sets, errs[3] = n.Sets() })
	looking.Go(func() { w.IPVS, errs[4] = serversOf(n) })
	looking.Go(func() { w.Addresses, errs[5] = n.Run("ip", "-o", "address") })
	looking.Go(func() { w.Local, errs[6] = both(n, "ip", "route", "show", "table", "local") })
	looking.Go(func() { w.Accounts, errs[7] = n.Run("nfacct", "list") })
	looking.Go(func() { w.Links, errs[8] = n.Run("ip", "-o", "link") })
	looking.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	w.Addresses = lifetimes.ReplaceAllString(w.Addresses, "")
	w.Local = anycasts.ReplaceAllString(w.Local, "")
	w.Accounts = numbers.ReplaceAllString(w.Accounts, "")
	return w
}

var (
	lifetimes = regexp.MustCompile(`valid_lft \S+ preferred_lft \S+`)
	numbers   = regexp.MustCompile(`\d{20}`)
	anycasts  = regexp.MustCompile(`(?m)^anycast .*\n`) // the kernel's own, while IPv6 is forwarded: a sysctl
	counters  = regexp.MustCompile(` \[\d+:\d+\]`)
)

// both runs ip for both families.
func both(n *lab.Namespace, program string, args ...string) (string, error) {
	v4, err4 := n.Run(program, append([]string{"-4"}, args...)...)
	v6, err6 := n.Run(program, append([]string{"-6"}, args...)...)
	return v4 + v6, errors.Join(err4, err6)
}

// rulesOf is what iptables-save shows of one backend, each line behind its
// family and table. Built-in chains that accept count only by their rules: they
// come with the first look at a table and cannot be removed.
func rulesOf(n *lab.Namespace, b backend) (string, error) {
	var all strings.Builder
	for _, program := range []string{"iptables", "ip6tables"} {
		text, err := n.Run(fmt.Sprintf("%s-%s-save", program, b))
		if err != nil {
			return "", err
		}
		table := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(counters.ReplaceAllString(line, ""))
			switch {
			case strings.HasPrefix(line, "*"):
				table = line[1:]
			case line == "", line == "COMMIT", strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, ":") && strings.HasSuffix(line, " ACCEPT"):
			default:
				fmt.Fprintf(&all, "%s %s %s\n", program, table, line)
			}
		}
	}
	return all.String(), nil
}

var (
	emptyChain = regexp.MustCompile(`(?m)^\tchain \w+ \{\n\t\ttype .* policy accept;\n\t\}\n`)
	emptyTable = regexp.MustCompile(`(?m)^table \w+ \S+ \{\n\}\n`)
)

// tablesOf is the ruleset of nftables without counters.
func tablesOf(n *lab.Namespace) (string, error) {
	text, err := n.Run("nft", "--stateless", "list", "ruleset")
	return withoutEmpty(text), err
}

// withoutEmpty leaves out what iptables-nft makes of its own accord, and all
// but the rules.
func withoutEmpty(ruleset string) string {
	ruleset = emptyChain.ReplaceAllString(ruleset, "")
	kept := without(ruleset, func(line string) bool {
		return strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#")
	})
	return emptyTable.ReplaceAllString(kept, "")
}

func without(text string, unwanted func(line string) bool) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !unwanted(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// serversOf is the table of IPVS, sorted.
func serversOf(n *lab.Namespace) (string, error) {
	text, err := n.Run("ipvsadm", "-Sn")
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, ""), err
}

var ourChain = regexp.MustCompile(`(?ms)^\tchain KIPVS6?-.*?^\t\}\n`)

// withoutOurs is what a running kube-ipvs has not made.
func (w witness) withoutOurs() witness {
	ours := func(line string) bool { return strings.Contains(line, "KIPVS") || strings.Contains(line, "kube-ipvs0") }
	w.Legacy, w.NFT, w.Sets = without(w.Legacy, ours), without(w.NFT, ours), without(w.Sets, ours)
	w.Links, w.Addresses, w.Local = without(w.Links, ours), without(w.Addresses, ours), without(w.Local, ours)
	w.Tables = withoutEmpty(without(ourChain.ReplaceAllString(w.Tables, ""), ours))

	flagged := map[string]bool{}
	for line := range strings.Lines(w.IPVS) {
		if words := strings.Fields(line); strings.Contains(line, "flag-3") {
			flagged[words[1]+words[2]] = true
		}
	}
	w.IPVS = without(w.IPVS, func(line string) bool {
		words := strings.Fields(line)
		return flagged[words[1]+words[2]]
	})
	return w
}

// afterCleanup runs a cleanup, after which the node has to be as it was.
func (w witness) afterCleanup(t *testing.T, c *cluster, cleanup lab.Command) {
	t.Helper()
	w.afterCleanupThatEnds(t, c, cleanup, 0)
}

func (w witness) afterCleanupThatEnds(t *testing.T, c *cluster, cleanup lab.Command, with int) (said string) {
	t.Helper()
	code, said := c.runOnce(t, cleanup)
	if code != with {
		t.Errorf("exit code %d, want %d:\n%s", code, with, said)
	}
	if now := witnessOf(t, c.Host); now != w {
		t.Errorf("the node is not as it was (-want +got):\n%s", cmp.Diff(w, now))
	}
	return said
}

// untilTakenOver waits until the node has what was there and what is ours, no
// more and no less.
func (w witness) untilTakenOver(t *testing.T, c *cluster) {
	t.Helper()
	var got witness
	err := lab.UntilEvery(within(t, patience), long, func() error {
		if got = witnessOf(t, c.Host).withoutOurs(); got != w {
			return errors.New("the node is not as it was")
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(w, got))
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}
