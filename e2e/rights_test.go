//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// right is one verb on one resource.
type right struct{ group, resource, verb string }

// rights are all of a role.
func rights(role *rbacv1.ClusterRole) (all []right) {
	for _, r := range role.Rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, right{group, resource, verb})
				}
			}
		}
	}
	return all
}

// grant is a rule for each right.
func grant(all []right) (rules []rbacv1.PolicyRule) {
	for _, r := range all {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{r.group}, Resources: []string{r.resource}, Verbs: []string{r.verb}})
	}
	return rules
}

// accountWith makes a service account that has these rights and no others.
func accountWith(t *testing.T, name string, all []right) {
	t.Helper()
	ctx, meta := within(t, soon), metav1.ObjectMeta{Name: name}
	_, err1 := api.CoreV1().ServiceAccounts(system).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	_, err2 := api.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: grant(all)}, metav1.CreateOptions{})
	_, err3 := api.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: name}},
	}, metav1.CreateOptions{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
}

// TestEachRightIsNeeded takes the verbs of our ClusterRole away, one at a time. The log then names the one that is missing. That nothing is
// missing of the whole is shown by TestDaemonOfTheManifest.
func TestEachRightIsNeeded(t *testing.T) {
	install(t)
	role, err := api.RbacV1().ClusterRoles().Get(within(t, soon), "kube-ipvs", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	whole := rights(role)
	c := ownCluster(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for i, missing := range whole {
		t.Run(missing.verb+" "+missing.resource, func(t *testing.T) {
			account := "without-" + missing.verb + "-" + missing.resource
			accountWith(t, account, slices.Delete(slices.Clone(whole), i, i+1))
			if missing.resource == "events" {
				greedy(t)
			}
			// With streamed lists no client lists; API servers before 1.34 do not have them.
			daemon := lab.Command{Path: path, Args: append(flags(), "--kubeconfig="+tokenKubeconfig(t, account)), Env: []string{"KUBE_FEATURE_WatchListClient=false"}}
			c.complains(t, daemon, "cannot "+missing.verb+` resource "`+missing.resource+`" in API group "`+missing.group+`"`)
		})
	}
}

// greedy has a Service ask for an address of all hosts, and has a slice of names come and go beside it: the Event about that changes the first,
// as the Service itself stays what it is.
func greedy(t *testing.T) *corev1.Service {
	t.Helper()
	services := api.CoreV1().Services(metav1.NamespaceDefault)
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{GenerateName: "greedy-"}, Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Port: port}}, ExternalIPs: []string{"255.255.255.255"},
	}}
	svc, err := services.Create(within(t, soon), svc, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var coming sync.WaitGroup
	coming.Go(func() {
		if err := comeAndGo(ctx, svc.Name); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		coming.Wait()
		err := services.Delete(within(t, soon), svc.Name, metav1.DeleteOptions{})
		gone := api.DiscoveryV1().EndpointSlices(svc.Namespace).Delete(within(t, soon), svc.Name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(gone) {
			gone = nil
		}
		if err := errors.Join(err, gone); err != nil {
			t.Error(err)
		}
	})
	return svc
}

// comeAndGo makes and deletes a slice of names, a second each, until ctx ends.
func comeAndGo(ctx context.Context, service string) error {
	slices := api.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	names := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service, Labels: map[string]string{discovery.LabelServiceName: service}},
		AddressType: discovery.AddressTypeFQDN, Endpoints: []discovery.Endpoint{{Addresses: []string{"pod.example.com"}}},
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for there := false; ; there = !there {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var err error
		if there {
			err = slices.Delete(ctx, service, metav1.DeleteOptions{})
		} else {
			_, err = slices.Create(ctx, names, metav1.CreateOptions{})
		}
		if err != nil {
			return err
		}
	}
}

// TestAPIServerBehindAService has the API server answer at an address that only a Service proxy would serve.
func TestAPIServerBehindAService(t *testing.T) {
	c := ownCluster(t)
	if _, err := c.Host.Run("ip", "address", "add", "10.96.0.1/32", "dev", "lo"); err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort("10.96.0.1:" + os.Getenv("E2E_APISERVER_PORT"))
	relay, err := c.Node.Relay(at, harness.APIServer())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	args := append(flags(), "--master=https://"+at.String(), "--v=0")
	for _, test := range []struct {
		name, reason string
		env          []string
	}{
		{"the cluster address of a Service is refused", "10.96.0.1 is that of the Service default/kubernetes", nil},
		{"that of the Service kubernetes at once", "10.96.0.1 is that of the Service kubernetes", []string{"KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, said := c.runOnce(t, lab.Command{Args: args, Env: test.env})
			if code != 1 || !strings.Contains(said, test.reason) {
				t.Errorf("exit code %d:\n%swant 1, and: %s", code, said, test.reason)
			}
		})
	}
}
