//go:build linux

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// KubeProxy is the real one on a node.
type KubeProxy struct {
	Program
	Path   string // of the program
	Setup  Setup
	Folder string // for its configuration
}

// Without limits of its own for conntrack, which are the whole machine's, and
// with a period so long that it does nothing but follow changes. It deletes
// every virtual server that is not its own and not excluded.
const kubeProxyConfig = `
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: %s
clientConnection: {kubeconfig: %q, contentType: %q}
hostnameOverride: %s
clusterCIDR: %s
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {syncPeriod: 10m}
ipvs: {syncPeriod: 10m, excludeCIDRs: [203.0.113.0/24, "2001:db8:113::/48"]}
nftables: {syncPeriod: 10m}
`

// Start starts it in a mode, with this environment added to the caller's, and
// returns when both families have been synced.
func (k *KubeProxy) Start(mode string, environment ...string) error {
	file := filepath.Join(k.Folder, mode+".yaml")
	text := fmt.Appendf(nil, kubeProxyConfig, mode, k.Setup.Kubeconfig, k.Setup.ContentType, k.Setup.Node, lab.PodRanges)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	// Its metrics take it long, and its health is fine before the first sync.
	return k.Program.Start(k.Command(environment, "--config="+file, "--v=2"), 500*time.Millisecond, k.synced)
}

// Command is its program with these arguments.
func (k *KubeProxy) Command(environment []string, args ...string) lab.Command {
	return lab.Command{Path: k.Path, Args: args, Env: environment}
}

func (k *KubeProxy) synced() error {
	families, err := k.Metrics("kubeproxy_sync_proxy_rules_last_timestamp_seconds")
	if err == nil && len(families) < 2 {
		err = fmt.Errorf("kube-proxy has only synced %v", families)
	}
	return err
}
