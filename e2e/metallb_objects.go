//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const metalLBNamespace = "metallb-system"

var speakerLabels = labels.Set{"app": "metallb", "component": "speaker"}

// metalLBDocs is the page whose objects and lines are tried here.
func metalLBDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/metallb.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// install writes what a cluster with MetalLB has: its own kinds, Nodes, Pods
// of controller and speakers, and the pool of the docs.
func (m *metalLB) install(t *testing.T) {
	t.Helper()
	client := dynamicClient(t)
	kinds, err := filepath.Glob(inMetalLB("crd/*.yaml"))
	if err != nil || len(kinds) == 0 {
		t.Fatalf("E2E_METALLB does not name a folder with MetalLB's kinds (e2e/cmd/controlplane/build.sh): %v", err)
	}
	for _, path := range kinds {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		createObject(t, client, string(text))
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metalLBNamespace}}
	_, err = api.CoreV1().Namespaces().Create(within(t, soon), namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	for _, s := range m.speakers {
		if s.node != m.Node { // whose Node is there for all tests
			createNode(t, s.node)
		}
		createPod(t, s.podName(), s.node, speakerLabels)
	}
	createPod(t, "controller", m.Node, labels.Set{"app": "metallb", "component": "controller"})
	for _, block := range yamlBlock.FindAllStringSubmatch(metalLBDocs(t), -1) {
		for object := range strings.SplitSeq(block[1], "---\n") {
			createObject(t, client, object)
		}
	}
}

// createObject creates an object, as soon as its kind is served, until the test ends.
func createObject(t *testing.T, client dynamic.Interface, text string) {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	var those dynamic.ResourceInterface = client.Resource(plural)
	if object.GetNamespace() != "" {
		those = client.Resource(plural).Namespace(object.GetNamespace())
	}
	ctx := within(t, patience)
	err := lab.Until(ctx, func() error {
		_, err := those.Create(ctx, &object, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		t.Fatalf("create %s %s: %v", object.GetKind(), object.GetName(), err)
	}
	t.Cleanup(func() {
		if err := those.Delete(within(t, soon), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// createNode makes the Node of a host, until the test ends.
func createNode(t *testing.T, host *lab.Host) {
	t.Helper()
	nodes, ctx := api.CoreV1().Nodes(), within(t, soon)
	node, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: host.Name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Delete(within(t, soon), host.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	for _, a := range (pair{host.IPv4, host.IPv6}).texts() {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	if _, err := nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// createPod makes a Pod of MetalLB's that runs on the host's network, until the
// test ends. Speakers find each other by it.
func createPod(t *testing.T, name string, host *lab.Host, of labels.Set) {
	t.Helper()
	pods, ctx := api.CoreV1().Pods(metalLBNamespace), within(t, soon)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: of},
		Spec: corev1.PodSpec{
			NodeName: host.Name, HostNetwork: true,
			Containers: []corev1.Container{{Name: "metallb", Image: "metallb"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pods.Delete(within(t, soon), name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			t.Error(err)
		}
	})
	pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, host.IPv4.String()
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	if _, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// assigned creates a Service of type LoadBalancer with a Pod on each node and
// waits for the addresses that MetalLB's controller gives it.
func (s *space) assigned(name string, edit ...func(*corev1.Service)) *service {
	s.t.Helper()
	svc := s.created(name, endpoints{"p1": ready, "r1": ready, "s1": ready}, append(edit, func(svc *corev1.Service) {
		svc.Spec.Type = corev1.ServiceTypeLoadBalancer
	})...)
	ctx := within(s.t, patience)
	err := lab.Until(ctx, func() (err error) {
		if svc.Service, err = api.CoreV1().Services(s.name).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		if n := len(svc.Status.LoadBalancer.Ingress); n != len(families) {
			err = fmt.Errorf("found %d addresses of load balancers in Service %s, want one of each family", n, name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return svc
}

// ingress are the addresses that a load balancer has given.
func (s *service) ingress() pair {
	var texts []string
	for _, in := range s.Status.LoadBalancer.Ingress {
		texts = append(texts, in.IP)
	}
	return readPair(texts...)
}

// announcedBy reads who announces a Service where MetalLB tells its users.
func announcedBy(ctx context.Context, client dynamic.Interface, svc *service) (string, error) {
	those := schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta1", Resource: "servicel2statuses"}
	list, err := client.Resource(those).Namespace(metalLBNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{"metallb.io/service-name": svc.Name, "metallb.io/service-namespace": svc.Namespace}.String(),
	})
	if err != nil {
		return "", err
	}
	if len(list.Items) != 1 {
		return "", fmt.Errorf("found %d statuses of layer 2 about Service %s, want 1", len(list.Items), svc.Name)
	}
	name, found, err := unstructured.NestedString(list.Items[0].Object, "status", "node")
	if !found {
		err = errors.Join(err, errors.New("the status names no node"))
	}
	return name, err
}
