//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// One endpoint moves among a thousand Services: the cost follows the change.
func TestCostAmongAThousandServices(t *testing.T) {
	const many = 1000
	s := shared.space(t)
	wanted := func() float64 {
		rows, err := s.count("kubeipvs_rows")
		if err != nil {
			t.Fatal(err)
		}
		return rows[`kubeipvs_rows{kind="real server",state="observed"}`]
	}
	before, begin := wanted(), time.Now()
	moving := s.thousand(many)
	written := time.Since(begin)
	err := lab.Until(within(t, patience), func() error {
		if n := wanted() - before; n != many {
			return fmt.Errorf("%v real servers of %d", n, many)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d Services written in %s, in the kernel after %s", many, written.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))

	to := question{s.client("p3"), lab.TCP, netip.AddrPortFrom(netip.MustParseAddr(moving.Spec.ClusterIP), port)}
	answered(t, []question{to}, itself, "r1")
	rows, listings, children := s.cost(t)
	if children == 0 {
		t.Error("the daemon has run no iptables when it started: this test would not see any")
	}

	begin = time.Now()
	slice := s.one(moving.Name, "r2")
	if _, err := api.DiscoveryV1().EndpointSlices(s.name).Update(within(t, soon), slice, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	err = lab.Until(within(t, patience), func() error {
		a, err := to.ask()
		if err == nil && a.Pod != "r2" {
			err = fmt.Errorf("%s answers", a.Pod)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("from the write to the API to an answer of the new endpoint: %s", time.Since(begin).Round(time.Millisecond))
	answered(t, []question{to}, itself, "r2")

	rowsNow, listingsNow, childrenNow := s.cost(t)
	want := counted{
		`kubeipvs_kernel_rows_total{kind="real server",result="ok",verb="create"}`: 1,
		// The old one drains: the client's connections are not forgotten yet.
		`kubeipvs_kernel_rows_total{kind="real server",result="ok",verb="update"}`: 1,
	}
	if diff := cmp.Diff(want, rowsNow.since(rows)); diff != "" {
		t.Errorf("rows changed in the kernel (-want +got):\n%s", diff)
	}
	if n := listingsNow.since(listings); len(n) > 0 {
		t.Errorf("listings: %v, want none", n)
	}
	if childrenNow != children {
		t.Errorf("page faults of children: %d, then %d: a process was started", children, childrenNow)
	}
}

// cost is what the daemon has done since it started.
func (d *daemon) cost(t *testing.T) (rows, listings counted, children int) {
	t.Helper()
	rows, err := d.count("kubeipvs_kernel_rows_total")
	if err != nil {
		t.Fatal(err)
	}
	if listings, err = d.count("kubeipvs_kernel_listings_total"); err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.Process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	// Behind the name, which may hold anything: state, ppid, …, and the ninth
	// is cminflt.
	_, fields, _ := strings.Cut(string(stat), ") ")
	if _, err := fmt.Sscan(strings.Fields(fields)[8], &children); err != nil {
		t.Fatal(err)
	}
	return rows, listings, children
}

// thousand creates n Services with one remote endpoint each, and answers with
// one from the middle.
func (s *space) thousand(n int) *corev1.Service {
	s.t.Helper()
	ctx := within(s.t, 2*patience)
	all := make([]*corev1.Service, n)
	err := parallel(n, func(i int) error {
		name := fmt.Sprintf("web-%d", i)
		_, err := api.DiscoveryV1().EndpointSlices(s.name).Create(ctx, s.one(name, "r1"), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		all[i], err = api.CoreV1().Services(s.name).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: portName(lab.TCP), Port: port}}},
		}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all[n/2]
}

// one is a slice with one endpoint of one port.
func (s *space) one(service, pod string) *discovery.EndpointSlice {
	slice := s.slice(service, corev1.IPv4Protocol, endpoints{pod: ready})
	slice.Ports = slice.Ports[:1]
	return slice
}
