//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// space is a namespace of the API that belongs to one test.
type space struct {
	*cluster
	t    *testing.T
	name string
}

// space makes one. In the end its objects are deleted, and the node has to be
// as it was.
func (c *cluster) space(t *testing.T) *space {
	t.Helper()
	before, said := c.mustLook(t), c.Log.Len()
	ns, err := api.CoreV1().Namespaces().Create(within(t, soon),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := &space{c, t, ns.Name}
	t.Cleanup(func() {
		s.ensureRunning()
		s.empty()
		s.becomes(before)
		if t.Failed() {
			t.Logf("the daemon said:\n%s", c.Log.Since(said))
		}
	})
	return s
}

// ensureRunning starts a daemon that a test has ended.
func (s *space) ensureRunning() {
	s.t.Helper()
	select {
	case <-s.Process.Done():
		if err := s.start(); err != nil {
			s.t.Error(err)
		}
	default:
	}
}

// empty deletes all objects. The namespace stays: nothing here finalises one.
func (s *space) empty() {
	s.t.Helper()
	ctx := within(s.t, patience)
	services, err := api.CoreV1().Services(s.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.t.Error(err)
		return
	}
	err = parallel(len(services.Items), func(i int) error {
		return api.CoreV1().Services(s.name).Delete(ctx, services.Items[i].Name, metav1.DeleteOptions{})
	})
	err = errors.Join(err, api.DiscoveryV1().EndpointSlices(s.name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	if err != nil {
		s.t.Error(err)
	}
}

// parallel does n things, some at a time.
func parallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				errs[i] = do(int(i))
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

// becomes waits until the kernel looks like this.
func (s *space) becomes(want kernelState) {
	s.t.Helper()
	var got kernelState
	err := lab.Until(within(s.t, patience), func() (err error) {
		if got, err = s.look(); err == nil && got != want {
			err = errors.New("the kernel is not as it was")
		}
		return err
	})
	if err != nil {
		s.t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, got))
	}
}

// bound waits until an address is, or is not, on our device.
func (s *space) bound(addr netip.Addr, want bool) {
	s.t.Helper()
	err := lab.Until(within(s.t, patience), func() error {
		all, err := s.Host.Addresses("kube-ipvs0")
		if got := strings.Contains(all, addr.String()+"/"); err == nil && got != want {
			err = fmt.Errorf("%s bound: %t", addr, got)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// mustRun runs another program on the node.
func (s *space) mustRun(t *testing.T, program string, args ...string) {
	t.Helper()
	if _, err := s.Host.Run(program, args...); err != nil {
		t.Fatal(err)
	}
}
