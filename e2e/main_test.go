//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	soon     = 5 * time.Second        // never met by what works
	patience = time.Minute            // for what takes the daemon some passes, in an emulated machine
	long     = 500 * time.Millisecond // to wait for what must not come
)

var (
	api    *kubernetes.Clientset
	shared *cluster // what most tests use
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
		return 1, fmt.Errorf("%w; it said:\n%s", err, shared.log.String())
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
	cfg, err := clientcmd.BuildConfigFromFlags("https://"+apiserver(), os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		return nil, fmt.Errorf("find the API server (E2E_HOST, E2E_APISERVER_PORT, E2E_KUBECONFIG): %w", err)
	}
	cfg.QPS = -1 // no limit
	cfg.WarningHandler = rest.NoWarnings{}
	return cfg, nil
}

// apiserver is the API server's address as this process sees it.
func apiserver() string {
	return net.JoinHostPort(os.Getenv("E2E_HOST"), os.Getenv("E2E_APISERVER_PORT"))
}

// cluster is a lab with a daemon on its node. All clusters are of one API
// server: two daemons at a time have the same Services.
type cluster struct {
	*lab.Lab
	daemon
	relay *lab.Relay
}

// newCluster builds one whose daemon does not run yet.
func newCluster() (*cluster, error) {
	return clusterIn(lab.Options{NodeAddrs: []netip.Prefix{
		netip.PrefixFrom(nodeAddrs[2], 24), netip.PrefixFrom(nodeAddrs[3], 64),
	}})
}

func clusterIn(o lab.Options) (*cluster, error) {
	o.ServedIPv6 = true
	l, err := lab.New(o)
	if err != nil {
		return nil, err
	}
	c := &cluster{Lab: l, daemon: daemon{program: program{host: l.Node.Namespace}}}
	if c.relay, err = relayAPI(c.host); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return c, nil
}

// relayAPI listens at the address in the kubeconfig, which so serves programs
// of a node as it is.
func relayAPI(host *lab.Namespace) (*lab.Relay, error) {
	at, err := netip.ParseAddrPort("127.0.0.1:" + os.Getenv("E2E_APISERVER_PORT"))
	if err != nil {
		return nil, err
	}
	return host.Relay(at, apiserver())
}

// close ends the daemon too, if it runs.
func (c *cluster) close() error {
	var errs []error
	if c.process != nil {
		errs = append(errs, c.process.Kill())
	}
	return errors.Join(append(errs, c.relay.Close(), c.Close())...)
}

// ownCluster is one for a test that needs a node of its own.
func ownCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := newCluster()
	return owned(t, c, err)
}

// clusterOf is one with a node of its own in such a lab.
func clusterOf(t *testing.T, o lab.Options) *cluster {
	t.Helper()
	c, err := clusterIn(o)
	return owned(t, c, err)
}

func owned(t *testing.T, c *cluster, err error) *cluster {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon said:\n%s", c.log.String())
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// within is a context for one thing that has to happen.
func within(t *testing.T, d time.Duration) context.Context {
	// Not the test's: that one has ended when cleaning up begins.
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually tries until it succeeds, for as long as the daemon may take.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	if err := lab.UntilEvery(within(t, patience), 20*time.Millisecond, try); err != nil {
		t.Fatal(err)
	}
}
