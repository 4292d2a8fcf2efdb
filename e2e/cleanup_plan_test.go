//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// removal is what a cleanup prints for programs.
type removal struct {
	Done, Todo []deed
	Left       []json.RawMessage
}

type deed struct {
	Deed, Backend, Family string
	Objects               []string
}

func (d deed) equal(o deed) bool {
	return d.Deed == o.Deed && d.Backend == o.Backend && d.Family == o.Family && slices.Equal(d.Objects, o.Objects)
}

// removal runs a cleanup that restores sysctls.
func (c *cluster) removal(t *testing.T, further ...string) (r removal) {
	t.Helper()
	args := append([]string{"cleanup", "--restore-sysctls", "-o", "json", "-v=0"}, further...)
	code, said := c.runOnce(t, lab.Command{Args: args})
	if err := json.Unmarshal([]byte(said), &r); err != nil || code != 0 {
		t.Fatalf("%v: exit code %d, %v; it says:\n%s", args, code, err, said)
	}
	return r
}

// The plan of a cleanup changes nothing, and says for programs what the cleanup
// does; sysctls that we have changed get their former values back.
func TestCleanupPlan(t *testing.T) {
	c, before := bareNode(t, nft)
	const conntrack = "/proc/sys/net/ipv4/vs/conntrack"
	if _, err := c.Host.Run("sh", "-c", "echo 0 >"+conntrack); err != nil {
		t.Fatal(err)
	}
	leftBy(t, c.Host, "iptables-1.23", nft)
	if err := c.start("--takeover=false"); err != nil {
		t.Fatal(err)
	}
	if code, err := c.Stop(); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v; want 0", code, err)
	}
	there := witnessOf(t, c.Host)
	plan := c.removal(t, "--dry-run")
	if now := witnessOf(t, c.Host); now != there {
		t.Error("--dry-run has changed something")
	}
	if len(plan.Done) > 0 || len(plan.Left) > 0 || len(plan.Todo) == 0 {
		t.Errorf("--dry-run: %+v, want only things to do", plan)
	}
	done := c.removal(t)
	if !slices.EqualFunc(done.Done, plan.Todo, deed.equal) {
		t.Errorf("done: %+v\nwant what was planned: %+v", done.Done, plan.Todo)
	}
	if now := witnessOf(t, c.Host); now != before {
		t.Error("the node is not as it was")
	}
	if is, err := c.Host.Run("cat", conntrack); err != nil || is != "0\n" {
		t.Errorf("%s is %q (%v), want its former value", conntrack, is, err)
	}
}
