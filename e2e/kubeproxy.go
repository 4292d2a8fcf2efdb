//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// backend is one of the two places that the programs of iptables write to.
type backend string

const (
	legacy backend = "legacy"
	nft    backend = "nft"
)

// mode is one of kube-proxy's, on a node whose iptables is of one backend.
type mode struct {
	name string // iptables, ipvs or nftables
	backend
}

func (m mode) String() string { return fmt.Sprintf("%s mode, iptables-%s", m.name, m.backend) }

// kubeProxy is the real one on a node, built from its own module.
type kubeProxy struct{ harness.KubeProxy }

func newKubeProxy(t *testing.T, host *lab.Namespace) *kubeProxy {
	t.Helper()
	// It leaves that to the node.
	if _, err := host.Run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("E2E_KUBE_PROXY")
	if path == "" {
		t.Fatal("E2E_KUBE_PROXY does not name the program kube-proxy")
	}
	k := &kubeProxy{harness.KubeProxy{
		Program: harness.Program{Host: host}, Path: path, Setup: harness.FromEnvironment(), Folder: t.TempDir(),
	}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kube-proxy said:\n%s", k.Log.String())
		}
		if err := k.Kill(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// start returns when both families have been synced.
func (k *kubeProxy) start(t *testing.T, m mode) {
	t.Helper()
	if err := k.Start(m.name, pathWith(iptablesOf(t, m.backend))...); err != nil {
		t.Fatal(err)
	}
}

// stop ends it as the kubelet does; what it has made stays.
func (k *kubeProxy) stop(t *testing.T) {
	t.Helper()
	if _, err := k.Stop(); err != nil {
		t.Fatal(err)
	}
}

// cleanup runs `kube-proxy --cleanup`, as its users do.
func (k *kubeProxy) cleanup(t *testing.T, b backend) (code int, output string) {
	t.Helper()
	return runOnce(t, &k.Program, k.Command(pathWith(iptablesOf(t, b)), "--cleanup"))
}

// pathWith is an environment in which a folder's programs win.
func pathWith(folder string) []string { return []string{"PATH=" + folder + ":" + os.Getenv("PATH")} }

// iptablesOf is a folder in which iptables and its like are those of one
// backend, as in an image that was built for it.
func iptablesOf(t *testing.T, b backend) string {
	t.Helper()
	folder := t.TempDir()
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, verb := range []string{"", "-save", "-restore"} {
			name := program + verb
			path, err := exec.LookPath(fmt.Sprintf("%s-%s%s", program, b, verb))
			if err == nil {
				err = os.Symlink(path, filepath.Join(folder, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}
