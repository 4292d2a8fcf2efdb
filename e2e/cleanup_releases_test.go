//go:build e2e

package e2e

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// releases are dumps of kube-proxies that cannot be built any more.
//
//go:embed testdata/releases
var releases embed.FS

// leftBy puts onto a node what a release has left there.
func leftBy(t *testing.T, n *lab.Namespace, release string, b backend) {
	t.Helper()
	text := func(what string) string {
		all, err := releases.ReadFile("testdata/releases/" + release + "." + what)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	if strings.HasPrefix(release, "ipvs") {
		feed(t, n, text("sets"), "ipset", "restore")
		feed(t, n, text("servers"), "ipvsadm", "--restore")
		feed(t, n, "link add kube-ipvs0 type dummy\naddress add 10.96.77.1/32 dev kube-ipvs0\n"+
			"address add 198.51.100.201/32 dev kube-ipvs0\n", "ip", "-batch", "-")
	}
	feed(t, n, text("rules"), fmt.Sprintf("iptables-%s-restore", b), "--noflush")
}

// bareNode has no daemon, and what others have on a node.
func bareNode(t *testing.T, b backend) (*cluster, witness) {
	t.Helper()
	c := ownCluster(t)
	addForeign(t, c.Host, b)
	return c, witnessOf(t, c.Host)
}

// Old releases leave nothing either, whether they are followed by kube-ipvs or
// only cleaned up (C.7.1).
func TestOldReleases(t *testing.T) {
	for _, r := range []struct {
		name string
		backend
	}{{"ipvs-1.13", legacy}, {"iptables-1.23", nft}, {"userspace", legacy}} {
		t.Run(r.name, func(t *testing.T) {
			c, before := bareNode(t, r.backend)
			t.Run("cleaned up in one run", func(t *testing.T) {
				leftBy(t, c.Host, r.name, r.backend)
				before.afterCleanup(t, c, lab.Command{Args: []string{"--cleanup"}})
			})
			t.Run("and nothing the second time", func(t *testing.T) {
				before.afterCleanup(t, c, lab.Command{Args: []string{"cleanup"}})
			})
			t.Run("taken over from", func(t *testing.T) {
				leftBy(t, c.Host, r.name, r.backend)
				if err := c.start(); err != nil {
					t.Fatal(err)
				}
				before.untilTakenOver(t, c)
			})
		})
	}
}

// What a container often lacks is not needed (K05, K06).
func TestCleanupWithoutHelp(t *testing.T) {
	c, before := bareNode(t, nft)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		name    string
		command lab.Command
	}{
		{"nothing but iptables on the PATH", lab.Command{Args: []string{"--cleanup"}, Env: []string{"PATH=" + onlyIptables(t)}}},
		{"/lib/modules hidden", lab.Command{Path: "unshare", Args: []string{
			"--mount", "sh", "-c",
			"mount -t tmpfs none /lib/modules && exec " + path + " --cleanup",
		}}},
	} {
		t.Run(r.name, func(t *testing.T) {
			leftBy(t, c.Host, "ipvs-1.13", nft)
			feed(t, c.Host, "add table ip kube-proxy\nadd table ip6 kube-proxy\n", "nft", "-f", "-")
			before.afterCleanup(t, c, r.command)
		})
	}
}

// onlyIptables is a folder with the programs of both backends.
func onlyIptables(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, kind := range []string{"", "-legacy", "-nft"} {
			for _, verb := range []string{"", "-save", "-restore"} {
				name := program + kind + verb
				if err := os.Symlink("/usr/sbin/"+name, filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return folder
}

// A chain that another program jumps to stays, and is named together with who
// holds it. All else goes (M11).
func TestCleanupOfWhatOthersHold(t *testing.T) {
	c, before := bareNode(t, nft)
	leftBy(t, c.Host, "iptables-1.23", nft)
	feed(t, c.Host, "*nat\n:MINE - [0:0]\n-A MINE -p tcp -j KUBE-SVC-P4Q3KNUAWJVP4ILH\nCOMMIT\n", "iptables-nft-restore", "--noflush")
	code, said := c.runOnce(t, lab.Command{Args: []string{"--cleanup"}})
	if code != 1 || !strings.Contains(said, "KUBE-SVC-P4Q3KNUAWJVP4ILH") || !strings.Contains(said, "MINE") {
		t.Errorf("exit code %d, want 1 and the names of the chain and of who holds it:\n%s", code, said)
	}
	t.Logf("it says:\n%s", said)
	added := minus(lines(witnessOf(t, c.Host).NFT), lines(before.NFT))
	want := []string{
		"iptables nat :KUBE-SVC-P4Q3KNUAWJVP4ILH -", "iptables nat :MINE -", "iptables nat -A MINE -p tcp -j KUBE-SVC-P4Q3KNUAWJVP4ILH",
	}
	slices.Sort(added)
	slices.Sort(want)
	if !slices.Equal(added, want) {
		t.Errorf("left: %q, want %q", added, want)
	}
}

// Killed at any moment, a cleanup is finished by the next one.
func TestCleanupKilled(t *testing.T) {
	c, before := bareNode(t, nft)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	everything := func(t *testing.T) {
		t.Helper()
		leftBy(t, c.Host, "iptables-1.23", nft)
		leftBy(t, c.Host, "ipvs-1.13", nft)
	}
	everything(t)
	begin := time.Now()
	before.afterCleanup(t, c, lab.Command{Args: []string{"--cleanup"}})
	whole := time.Since(begin)
	const times = 6
	for i := range times {
		at := whole * time.Duration(i+1) / (times + 1)
		t.Run(fmt.Sprintf("after %d of %d parts of the time", i+1, times+1), func(t *testing.T) {
			everything(t)
			p, err := c.Host.Start(lab.Command{Path: path, Args: []string{"--cleanup"}, Log: &c.Log})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-p.Done():
			case <-time.After(at):
			}
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			before.afterCleanup(t, c, lab.Command{Args: []string{"--cleanup"}})
		})
	}
}
