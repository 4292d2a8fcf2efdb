//go:build e2e

package e2e

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// resources are the kinds of object in deploy.
var resources = map[string]schema.GroupVersionResource{
	"ServiceAccount":     {Version: "v1", Resource: "serviceaccounts"},
	"ConfigMap":          {Version: "v1", Resource: "configmaps"},
	"DaemonSet":          {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"ClusterRole":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
}

// manifest is what a file in deploy has.
func manifest(t *testing.T, name string) (all []*unstructured.Unstructured) {
	t.Helper()
	text, err := os.Open("../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	for d := yaml.NewYAMLOrJSONDecoder(text, 4096); ; {
		object := &unstructured.Unstructured{}
		switch err := d.Decode(object); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		case object.Object != nil:
			all = append(all, object)
		}
	}
}

// dynamicClient is for objects of any kind.
func dynamicClient(t *testing.T) dynamic.Interface {
	t.Helper()
	cfg, err := apiConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// apply has the API server take objects as `kubectl apply --server-side` does, strictly, and answers with the DaemonSet as it then is.
func apply(t *testing.T, objects []*unstructured.Unstructured) *appsv1.DaemonSet {
	t.Helper()
	client := dynamicClient(t)
	for _, o := range objects {
		data, err := o.MarshalJSON()
		if err == nil {
			_, err = client.Resource(resources[o.GetKind()]).Namespace(o.GetNamespace()).Patch(within(t, soon), o.GetName(), types.ApplyPatchType, data,
				metav1.PatchOptions{FieldManager: "e2e", Force: new(true), FieldValidation: metav1.FieldValidationStrict})
		}
		if err != nil {
			t.Fatalf("apply %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
	set, err := api.AppsV1().DaemonSets(system).Get(within(t, soon), "kube-ipvs", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// install applies install.yaml as its user does: with the API server's address and the Pods' networks filled in.
func install(t *testing.T) *appsv1.DaemonSet {
	t.Helper()
	objects := manifest(t, "install.yaml")
	for _, o := range objects {
		if o.GetKind() != "ConfigMap" {
			continue
		}
		data, _, err := unstructured.NestedStringMap(o.Object, "data")
		if err != nil {
			t.Fatal(err)
		}
		data["apiServerHost"], data["apiServerPort"] = "127.0.0.1", os.Getenv("E2E_APISERVER_PORT")
		data["config.conf"] = strings.Replace(data["config.conf"], `clusterCIDR: ""`, "clusterCIDR: "+lab.PodRanges, 1)
		if err := unstructured.SetNestedStringMap(o.Object, data, "data"); err != nil {
			t.Fatal(err)
		}
	}
	return apply(t, objects)
}

// TestManifestsAreValid has the API server check all of them, every field.
func TestManifestsAreValid(t *testing.T) {
	for _, name := range []string{"install.yaml", "kustomize/base/kube-ipvs.yaml", "kubeadm.yaml", "uninstall.yaml"} {
		t.Run(name, func(t *testing.T) { apply(t, manifest(t, name)) })
	}
}

// TestDaemonOfTheManifest runs what install.yaml says on a node, with its rights and no others, and in the end what uninstall.yaml says.
func TestDaemonOfTheManifest(t *testing.T) {
	c := ownCluster(t)
	untouched := c.mustLook(t)
	p := newPod(t, install(t))
	if code, said := c.runOnce(t, p.command(t, p.container(t, "init"))); code != 0 {
		t.Fatalf("init: exit code %d:\n%s", code, said)
	}
	main := p.container(t, "kube-ipvs")
	if err := c.Start(p.command(t, main), 20*time.Millisecond, func() error {
		_, err := c.Get(harness.HealthzURL + main.ReadinessProbe.HTTPGet.Path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Run("it serves", func(t *testing.T) { c.serves(t) })
	t.Run("kube-ipvs executed in the container sees it", func(t *testing.T) {
		for _, verb := range []string{"status", "list", "diff"} {
			if code, said := c.runOnce(t, p.command(t, main, verb)); code != 0 {
				t.Errorf("%s: exit code %d:\n%s", verb, code, said)
			}
		}
	})
	t.Run("it has all the rights that it wants", func(t *testing.T) {
		svc := greedy(t)
		if err := lab.Until(within(t, patience), func() error { return told(t, svc) }); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(c.Log.String()) {
			// Only the first network namespace can size the table of connections; and client-go warns of what a Pod wants.
			if strings.ContainsAny(line[:1], "EW") && !strings.Contains(line, "conntrack: ") && !strings.Contains(line, "Using the inClusterConfig") {
				t.Errorf("it says: %s", line)
			}
		}
	})
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	for capability, complaint := range map[corev1.Capability]string{
		"NET_ADMIN": "CAP_NET_ADMIN",
		"NET_RAW":   "Can't open socket to ipset",
	} {
		t.Run("without "+string(capability)+" it says why it cannot work", func(t *testing.T) {
			c.complains(t, p.command(t, deprived(main, capability)), complaint)
		})
	}
	t.Run("uninstalled it leaves nothing", func(t *testing.T) {
		p := newPod(t, apply(t, manifest(t, "uninstall.yaml")))
		if code, said := c.runOnce(t, p.command(t, p.container(t, "cleanup"))); code != 0 {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		if left := c.mustLook(t); left.IPVS != untouched.IPVS || left.Sets != untouched.Sets || left.Addresses != "" || strings.Contains(left.Rules, "KIPVS") {
			t.Errorf("left: %+v", left)
		}
	})
}

// serves has everybody ask all kinds of addresses.
func (c *cluster) serves(t *testing.T) {
	s := c.space(t)
	lb := external()
	web := s.service("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, loadBalancer(lb), externalIPs(external()))
	for _, from := range three {
		seen := theNode
		if from == "p3" {
			seen = itself
		}
		t.Run("cluster addresses answer "+from, func(t *testing.T) {
			answered(t, s.questions(from, web.clusterIPs(), lab.Protocols()...), seen, "p1", "p2", "r1")
		})
		t.Run("load balancer addresses and node ports answer "+from, func(t *testing.T) {
			become(t, s.questions(from, lb, refusing...), by("p1", "p2", "r1"))
			become(t, web.onNode(from, nodeAddrs, lab.TCP), by("p1", "p2", "r1"))
		})
	}
	t.Run("a Pod that is not ready is out", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": ready, "p2": unready, "r1": ready})
		become(t, s.questions("p3", web.clusterIPs(), lab.TCP), by("p1", "r1"))
	})
	t.Run("with policy Local clients outside reach local endpoints only", func(t *testing.T) {
		web.edit(local)
		become(t, s.questions("outside", lb, lab.TCP), by("p1"))
	})
}

// deprived is a container that lacks one capability of c.
func deprived(c *corev1.Container, capability corev1.Capability) *corev1.Container {
	less := c.DeepCopy()
	add := &less.SecurityContext.Capabilities.Add
	*add = slices.DeleteFunc(*add, func(a corev1.Capability) bool { return a == capability })
	return less
}

// complains runs a command until it has said something, or has ended without.
func (c *cluster) complains(t *testing.T, command lab.Command, complaint string) {
	t.Helper()
	said := c.Log.Len()
	command.Log = &c.Log
	process, err := c.Host.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	err = lab.Until(within(t, patience), func() error {
		if !strings.Contains(strings.ReplaceAll(c.Log.Since(said), `\"`, `"`), complaint) {
			return errors.New("it does not say: " + complaint)
		}
		return nil
	})
	if err := errors.Join(err, process.Kill()); err != nil {
		t.Errorf("%v; it says:\n%s", err, c.Log.Since(said))
	}
}

// told fails while no Event is about the Service.
func told(t *testing.T, svc *corev1.Service) error {
	t.Helper()
	events, err := api.EventsV1().Events(svc.Namespace).List(within(t, soon), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range events.Items {
		if e.Regarding.Name == svc.Name && e.ReportingController == "kube-ipvs" && e.Series != nil {
			return nil
		}
	}
	return errors.New("no Event of kube-ipvs has been changed for Service " + svc.Name)
}
