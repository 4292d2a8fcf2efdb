package crowd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// writers is how many requests are out at a time.
const writers = 16

// Crowd is what the API holds of it.
type Crowd struct {
	api    kubernetes.Interface
	size   figures.Size
	probes []desk.Probe

	changed []atomic.Int64 // by Service: how often
	next    atomic.Int64   // change
}

// Open reaches the API and makes what does not depend on the size: the
// namespace, and the Node of the proxies.
func Open(ctx context.Context, kubeconfig string) (*Crowd, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	cfg.QPS = -1 // no limit
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.WarningHandler = rest.NoWarnings{}
	api, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	c := &Crowd{api: api}
	return c, c.prepare(ctx)
}

func (c *Crowd) prepare(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: space}}
	if _, err := c.api.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", space, err)
	}
	nodes := c.api.CoreV1().Nodes()
	node, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create the Node: %w", err)
	}
	for _, a := range []string{"192.0.2.1", "2001:db8:0:2::1"} {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	if _, err := nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("tell the Node's addresses: %w", err)
	}
	return nil
}

// Become makes the crowd one of this size, with the probes' endpoint at an
// address, as if nothing had ever been changed.
func (c *Crowd) Become(ctx context.Context, size figures.Size, at string) ([]desk.Probe, error) {
	if size.Services%probes != 0 || size.Services > mostServices || size.Endpoints > mostEndpoints {
		return nil, fmt.Errorf("size %s: want at most %d × %d, and a multiple of %d Services", size, mostServices, mostEndpoints, probes)
	}
	var err error
	if c.size.Services != size.Services {
		for _, p := range c.probes {
			err = errors.Join(err, c.delete(ctx, p.Name))
		}
		c.probes = make([]desk.Probe, probes)
	}
	fresh := c.probes[0].Name == ""
	err = errors.Join(err, parallel(probes, func(k int) (err error) {
		name := probeName(k, size.Services)
		if !fresh {
			return c.write(ctx, name, []string{at}, false)
		}
		c.probes[k], err = c.create(ctx, name, []string{at})
		return err
	}))
	before := c.size
	err = errors.Join(err, parallel(max(size.Services, before.Services), func(i int) error {
		name := crowdName(i)
		switch {
		case i >= size.Services:
			return c.delete(ctx, name)
		case i >= before.Services:
			_, err := c.create(ctx, name, endpoints(i, size.Endpoints, 0))
			return err
		case size.Endpoints != before.Endpoints || c.changed[i].Load() > 0:
			return c.write(ctx, name, endpoints(i, size.Endpoints, 0), false)
		}
		return nil
	}))
	c.size, c.changed = size, make([]atomic.Int64, size.Services)
	return c.probes, err
}

// create makes a Service and its slice.
func (c *Crowd) create(ctx context.Context, name string, addresses []string) (desk.Probe, error) {
	if err := c.write(ctx, name, addresses, true); err != nil {
		return desk.Probe{}, err
	}
	svc, err := c.api.CoreV1().Services(space).Create(ctx, service(name), metav1.CreateOptions{})
	if err != nil {
		return desk.Probe{}, fmt.Errorf("create Service %s: %w", name, err)
	}
	return desk.Probe{Name: name, ClusterIP: svc.Spec.ClusterIP}, nil
}

// write creates or updates a slice.
func (c *Crowd) write(ctx context.Context, name string, addresses []string, create bool) (err error) {
	slices, s := c.api.DiscoveryV1().EndpointSlices(space), slice(name, addresses)
	if create {
		_, err = slices.Create(ctx, s, metav1.CreateOptions{})
	} else {
		_, err = slices.Update(ctx, s, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("write EndpointSlice %s: %w", name, err)
	}
	return nil
}

// delete is content with what is not there.
func (c *Crowd) delete(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	err := errors.Join(
		c.api.CoreV1().Services(space).Delete(ctx, name, metav1.DeleteOptions{}),
		c.api.DiscoveryV1().EndpointSlices(space).Delete(ctx, name, metav1.DeleteOptions{}))
	if err != nil && !kerrors.IsNotFound(err) {
		return fmt.Errorf("delete Service %s: %w", name, err)
	}
	return nil
}

// Move sends a probe's endpoint to another address.
func (c *Crowd) Move(ctx context.Context, m desk.Move) error {
	return c.write(ctx, c.probes[m.Probe].Name, []string{m.To}, false)
}

// parallel does n things, some at a time.
func parallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var work sync.WaitGroup
	for range writers {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				errs[i] = do(int(i))
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}
