//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
type kubeProxy struct {
	program
	folder string // for its configuration
}

func newKubeProxy(t *testing.T, host *lab.Namespace) *kubeProxy {
	t.Helper()
	// It leaves that to the node.
	if _, err := host.Run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"); err != nil {
		t.Fatal(err)
	}
	k := &kubeProxy{program: program{host: host}, folder: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kube-proxy said:\n%s", k.log.String())
		}
		if k.process != nil {
			if err := k.process.Kill(); err != nil {
				t.Error(err)
			}
		}
	})
	return k
}

// Without limits of its own for conntrack, which are the whole machine's, and
// with a period so long that it does nothing but follow changes. It deletes
// every virtual server that is not its own and not excluded.
const kubeProxyConfig = `
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: %s
clientConnection: {kubeconfig: %s}
hostnameOverride: node
clusterCIDR: %s
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {syncPeriod: 10m}
ipvs: {syncPeriod: 10m, excludeCIDRs: [203.0.113.0/24, "2001:db8:113::/48"]}
nftables: {syncPeriod: 10m}
`

// start returns when both families have been synced.
func (k *kubeProxy) start(t *testing.T, m mode) {
	t.Helper()
	config := filepath.Join(k.folder, m.name+".yaml")
	text := fmt.Sprintf(kubeProxyConfig, m.name, os.Getenv("E2E_KUBECONFIG"), podRanges)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := k.command(t, m.backend, "--config="+config, "--v=2")
	// Its metrics take it long, and its health is fine before the first sync.
	err := k.launch(command, 500*time.Millisecond, func() error {
		synced, err := k.count("kubeproxy_sync_proxy_rules_last_timestamp_seconds")
		if err == nil && len(synced) < len(families) {
			err = fmt.Errorf("kube-proxy has only synced %v", synced)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stop ends it as the kubelet does; what it has made stays.
func (k *kubeProxy) stop(t *testing.T) {
	t.Helper()
	if _, err := k.process.Stop(); err != nil {
		t.Fatal(err)
	}
}

// cleanup runs `kube-proxy --cleanup`, as its users do.
func (k *kubeProxy) cleanup(t *testing.T, b backend) (code int, output string) {
	t.Helper()
	return k.runOnce(t, k.command(t, b, "--cleanup"))
}

func (k *kubeProxy) command(t *testing.T, b backend, args ...string) lab.Command {
	t.Helper()
	path := os.Getenv("E2E_KUBE_PROXY")
	if path == "" {
		t.Fatal("E2E_KUBE_PROXY does not name the program kube-proxy")
	}
	return lab.Command{Path: path, Args: args, Env: pathWith(iptablesOf(t, b))}
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
