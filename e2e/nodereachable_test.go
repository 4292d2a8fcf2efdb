//go:build e2e

package e2e

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// kubeconfigFor is that of the tests with another way to the API server.
func kubeconfigFor(t *testing.T, at netip.AddrPort) string {
	t.Helper()
	cfg, err := clientcmd.LoadFromFile(os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cfg.Clusters {
		c.Server, c.TLSServerName = "https://"+at.String(), "127.0.0.1"
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// addNode has the API know a Node with these addresses until the test ends.
func addNode(t *testing.T, name string, at pair) {
	t.Helper()
	nodes := api.CoreV1().Nodes()
	node, err := nodes.Create(within(t, soon), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err == nil {
		for _, text := range at.texts() {
			node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: text})
		}
		_, err = nodes.UpdateStatus(within(t, soon), node, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Delete(within(t, soon), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestNoServiceCutsTheNodeOff has a Service that names the addresses of the API
// server, of another Node and of the default gateway, and a port on which they
// answer. When the daemon starts it finds the API server's address bound.
func TestNoServiceCutsTheNodeOff(t *testing.T) {
	const hostPort = 7777
	c := clusterOf(t, lab.Options{Outsiders: 2})
	server := netip.MustParseAddr("192.0.2.101")
	number, err := strconv.ParseUint(os.Getenv("E2E_APISERVER_PORT"), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(server, uint16(number))
	relay, err := c.Namespace("outside2").Relay(at, harness.APIServer())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	addNode(t, c.Node2.Name, pair{c.Node2.IPv4, c.Node2.IPv6})
	hosts := []struct {
		name string
		in   *lab.Namespace
		at   netip.Addr
	}{
		{"api", c.Namespace("outside2"), server},
		{"gateway", c.Outside, c.client("outside").addrs.v4},
		{"gateway", c.Outside, c.client("outside").addrs.v6},
		{"peer", c.Node2.Namespace, c.Node2.IPv4},
		{"peer", c.Node2.Namespace, c.Node2.IPv6},
	}
	var asked []question
	for _, h := range hosts {
		host := lab.NewServer(h.name)
		t.Cleanup(func() { _ = host.Close() })
		to := netip.AddrPortFrom(h.at, hostPort)
		if err := host.Listen(h.in, lab.TCP, to); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, question{c.client("node"), lab.TCP, to})
	}
	// An earlier daemon has left it like this.
	for _, args := range [][]string{
		{"link", "add", "kube-ipvs0", "type", "dummy"}, {"address", "add", server.String() + "/32", "dev", "kube-ipvs0"},
	} {
		if _, err := c.Host.Run("ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.start("--kubeconfig=" + kubeconfigFor(t, at)); err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	ips := external()
	tenant := s.created("tenant", endpoints{"p1": ready}, func(svc *corev1.Service) {
		svc.Spec.ExternalIPs = ips.texts()
		for _, h := range hosts[:3] {
			svc.Spec.ExternalIPs = append(svc.Spec.ExternalIPs, h.at.String())
		}
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "stolen", Protocol: lab.TCP, Port: hostPort})
	}, loadBalancer(pair{c.Node2.IPv4, c.Node2.IPv6}))
	become(t, s.questions("outside", ips, lab.TCP), by("p1")) // the Service has arrived

	t.Run("K27 the API server answers the node", func(t *testing.T) { become(t, asked[:1], by("api")) })
	t.Run("K27 so do the other hosts", func(t *testing.T) {
		become(t, asked[1:3], by("gateway"))
		become(t, asked[3:], by("peer"))
	})
	t.Run("K27 another Node answers a Pod", func(t *testing.T) {
		for _, q := range asked[3:] {
			q.from = c.client("p3")
			become(t, []question{q}, by("peer"))
		}
	})
	t.Run("K27 none of them is bound", func(t *testing.T) {
		for _, h := range hosts {
			s.bound(h.at, false)
		}
	})
	t.Run("K27 the end of the Service is heard of", func(t *testing.T) {
		tenant.delete()
		s.bound(ips.v4, false)
		s.bound(ips.v6, false)
	})
}

// TestNodesOwnAddress has Services that name an address of the node, as load
// balancers do that announce by ARP or that know the nodes' addresses only.
func TestNodesOwnAddress(t *testing.T) {
	s := shared.space(t)
	own := readPair(nodeAddrs[2].String(), nodeAddrs[3].String())
	const hostPort, kubelet = 7777, 10250
	s.created("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, loadBalancer(own))
	s.created("greedy", endpoints{"p2": ready}, externalIPs(own), func(svc *corev1.Service) {
		svc.Spec.Ports = []corev1.ServicePort{{Name: portName(lab.TCP), Protocol: lab.TCP, Port: kubelet}}
	})
	for _, from := range three {
		t.Run("B155 an address of the node answers "+from, func(t *testing.T) {
			become(t, s.questions(from, own, lab.TCP), by("p1", "p2", "r1"))
		})
	}
	t.Run("B155 it is not bound", func(t *testing.T) {
		s.bound(own.v4, false)
		s.bound(own.v6, false)
	})
	for name, port := range map[string]uint16{"the host's other ports stay the host's": hostPort, "the kubelet's port stays the kubelet's": kubelet} {
		t.Run("B155 "+name, func(t *testing.T) {
			host := lab.NewServer("host")
			t.Cleanup(func() { _ = host.Close() })
			var all []question
			for _, f := range families {
				at := netip.AddrPortFrom(own.of(f), port)
				if err := host.Listen(s.Host, lab.TCP, at); err != nil {
					t.Fatal(err)
				}
				for _, from := range []string{"node", "outside"} {
					all = append(all, question{s.client(from), lab.TCP, at})
				}
			}
			become(t, all, by("host"))
		})
	}
}
