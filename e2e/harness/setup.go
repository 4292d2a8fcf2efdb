//go:build linux

package harness

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// Where every proxy answers, as a URL.
const (
	HealthzURL = "http://127.0.0.1:10256"
	MetricsURL = "http://127.0.0.1:10249"
)

// AnswersHere are the flags by which a proxy answers there and nowhere else.
func AnswersHere() []string {
	return []string{"--healthz-bind-address=127.0.0.1:10256", "--metrics-bind-address=127.0.0.1:10249"}
}

// Setup is what a proxy is told of its cluster and its node.
type Setup struct {
	Kubeconfig  string
	Node        string
	ContentType string // of requests to the API server, for kube-proxy; empty for protobuf
}

// FromEnvironment is that of the lab's first node, with the API server of
// e2e/cmd/controlplane.
func FromEnvironment() Setup {
	return Setup{Kubeconfig: os.Getenv("E2E_KUBECONFIG"), Node: "node"}
}

// Flags are those that kube-ipvs and kube-proxy need, in the words of both.
func (s Setup) Flags() []string {
	return []string{"--kubeconfig=" + s.Kubeconfig, "--hostname-override=" + s.Node, "--cluster-cidr=" + lab.PodRanges}
}

// APIServer is the API server's address as this process sees it.
func APIServer() string {
	return net.JoinHostPort(os.Getenv("E2E_HOST"), os.Getenv("E2E_APISERVER_PORT"))
}

// RelayAPI listens on a node at the address in the kubeconfig, which so serves
// programs of that node as it is.
func RelayAPI(host *lab.Namespace) (*lab.Relay, error) {
	at, err := netip.ParseAddrPort("127.0.0.1:" + os.Getenv("E2E_APISERVER_PORT"))
	if err != nil {
		return nil, fmt.Errorf("find the API server (E2E_APISERVER_PORT): %w", err)
	}
	return host.Relay(at, APIServer())
}
