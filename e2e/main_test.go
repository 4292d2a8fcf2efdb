//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
)

func TestMain(m *testing.M) {
	if at := os.Getenv(squatAt); at != "" {
		panic(squatting(at))
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := reachAPI(); err != nil {
		return 1, err
	}
	if shared, err = newCluster(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.close()) }()
	if err := shared.start(); err != nil {
		return 1, fmt.Errorf("%w; it said:\n%s", err, shared.Log.String())
	}
	return m.Run(), nil
}

// reachAPI makes the client, and the Node that the daemon will look for.
func reachAPI() error {
	cfg, err := apiConfig()
	if err != nil {
		return err
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	if api, err = kubernetes.NewForConfig(cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return createTheNode(ctx, rangesOfNode...)
}

// rangesOfNode are the networks of the Pods of node.
var rangesOfNode = []string{"10.244.1.0/24", "fd00:10:244:1::/64"}

// createTheNode makes the Node of node; a controller of the cluster has given it
// these networks.
func createTheNode(ctx context.Context, ranges ...string) error {
	nodes := api.CoreV1().Nodes()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "node", Labels: map[string]string{corev1.LabelTopologyZone: "zone-a"},
	}}
	if len(ranges) > 0 {
		node.Spec.PodCIDR, node.Spec.PodCIDRs = ranges[0], ranges
	}
	node, err := nodes.Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create the Node: %w", err)
	}
	for _, a := range nodeAddrs[:2] {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	if _, err := nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("tell the Node's addresses: %w", err)
	}
	return nil
}

// apiConfig is for clients in this process.
func apiConfig() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("https://"+harness.APIServer(), os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		return nil, fmt.Errorf("find the API server (E2E_HOST, E2E_APISERVER_PORT, E2E_KUBECONFIG): %w", err)
	}
	cfg.QPS = -1 // no limit
	cfg.WarningHandler = rest.NoWarnings{}
	return cfg, nil
}
