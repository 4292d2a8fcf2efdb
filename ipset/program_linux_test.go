//go:build e2e

package ipset_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/ipset/ipsettest"
)

// program runs ipset, which must be there.
func program(tb testing.TB, args ...string) string {
	tb.Helper()
	return programReading(tb, "", args...)
}

func programReading(tb testing.TB, input string, args ...string) string {
	tb.Helper()
	cmd := exec.Command("ipset", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("ipset %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// The ipset program sees what a Client has added, spelled alike, and a Client
// sees what the program has added.
func TestProgramAgrees(t *testing.T) {
	for typ := ipset.HashIP; typ <= ipset.HashNet; typ++ {
		for _, family := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			t.Run(fmt.Sprint(typ, " ", family), func(t *testing.T) {
				c := openNew(t)
				s := ipset.Set{Name: "A", Type: typ, Family: family, MaxEntries: 1000}
				entries := ipsettest.Samples(typ, family)
				must(t, c.Create(s))
				must(t, c.Add("A", entries)...)
				var want []string
				for _, e := range entries {
					want = append(want, "add A "+e.String())
				}
				slices.Sort(want)
				if diff := cmp.Diff(want, saved(t)); diff != "" {
					t.Errorf("the program sees (-want +got):\n%s", diff)
				}

				programReading(t, "flush A\n"+strings.Join(want, "\n")+"\n", "restore")
				got, err := c.Members("A")
				must(t, err)
				slices.SortFunc(got, ipset.Entry.Compare)
				slices.SortFunc(entries, ipset.Entry.Compare)
				if !slices.Equal(got, entries) {
					t.Errorf("got %s, want %s", got, entries)
				}
			})
		}
	}
}

// Sets that another program has made are listed, and create no confusion.
func TestForeignSets(t *testing.T) {
	c := openNew(t)
	program(t, "create", "PORTS", "bitmap:port", "range", "0-1000")
	program(t, "create", "LIST", "list:set")
	program(t, "create", "NETS", "hash:net,port", "family", "inet6", "comment")
	program(t, "create", "OURS", "hash:ip", "maxelem", "9", "timeout", "60", "counters", "comment")
	program(t, "add", "OURS", "10.0.0.1", "comment", "somebody's")
	want := []ipset.Set{
		{Name: "LIST"},
		{Name: "NETS", Family: ipset.IPv6, MaxEntries: 65536},
		{Name: "OURS", Type: ipset.HashIP, Family: ipset.IPv4, MaxEntries: 9},
		{Name: "PORTS"},
	}
	got, err := c.Sets()
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sets differ (-want +got):\n%s", diff)
	}
	if members, err := c.Members("OURS"); err != nil || !slices.Equal(members, []ipset.Entry{ipset.IP(netip.MustParseAddr("10.0.0.1"))}) {
		t.Errorf("members with options: %s, %v", members, err)
	}
	if err := c.Create(want[2]); err == nil {
		t.Errorf("a set with options passes for %s", want[2])
	}
	if members, err := c.Members("PORTS"); err == nil {
		t.Errorf("members of an unknown type: %s", members)
	}
	if err := c.Add("PORTS", []ipset.Entry{ipset.IP(netip.MustParseAddr("10.0.0.1"))})[0]; err == nil {
		t.Error("added an address to a set of ports")
	}
}

// A mapped address in an IPv6 set can be seen and removed, and is not taken for
// the IPv4 address.
func TestMappedAddress(t *testing.T) {
	c := openNew(t)
	must(t, c.Create(ipset.Set{Name: "A", Type: ipset.HashIPPort, Family: ipset.IPv6, MaxEntries: 9}))
	program(t, "add", "A", "::ffff:10.0.0.1,tcp:80")
	got, err := c.Members("A")
	must(t, err)
	if len(got) != 1 || got[0].String() != "::ffff:10.0.0.1,tcp:80" {
		t.Fatalf("got %s", got)
	}
	must(t, c.Remove("A", got)...)
	if left := saved(t); len(left) != 0 {
		t.Errorf("left: %s", left)
	}
}

// saved are the lines that `ipset save` has for members, sorted.
func saved(t *testing.T) []string {
	t.Helper()
	var adds []string
	for line := range strings.Lines(program(t, "save")) {
		if strings.HasPrefix(line, "add ") {
			adds = append(adds, strings.TrimSpace(line))
		}
	}
	slices.Sort(adds)
	return adds
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Ports that the program has added are all there, and nothing but ports is
// listed as such.
func TestPortsOfABitmap(t *testing.T) {
	c := openNew(t)
	program(t, "create", "PORTS", "bitmap:port", "range", "0-65535", "comment")
	program(t, "add", "PORTS", "1-5000")
	program(t, "add", "PORTS", "30080", "comment", "shop/web")
	ports, err := c.Ports("PORTS")
	must(t, err)
	if n := len(ports); n != 5001 || ports[0] != 1 || ports[n-1] != 30080 {
		t.Errorf("%d ports, from %d to %d; want 5001, from 1 to 30080", n, ports[0], ports[n-1])
	}
	program(t, "create", "OTHER", "hash:ip,port")
	if _, err := c.Ports("OTHER"); !errors.Is(err, ipset.ErrMismatch) {
		t.Errorf("ports of addresses: %v", err)
	}
	if _, err := c.Ports("NONE"); !errors.Is(err, ipset.ErrNotExist) {
		t.Errorf("ports of no set: %v", err)
	}
}
