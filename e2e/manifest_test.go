//go:build e2e

package e2e

import (
	"errors"
	"io"

	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
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

// apply has the API server take objects as `kubectl apply --server-side` does, strictly, and answers with the DaemonSet as it then is.
func apply(t *testing.T, objects []*unstructured.Unstructured) (set *appsv1.DaemonSet) {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("https://"+apiserver(), os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
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
	if set, err = api.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(within(t, soon), "kube-ipvs", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	return set
}

// TestManifestsAreValid has the API server check all of them, every field.
func TestManifestsAreValid(t *testing.T) {
	for _, name := range []string{"install.yaml", "kustomize/base/kube-ipvs.yaml", "kubeadm.yaml", "uninstall.yaml"} {
		t.Run(name, func(t *testing.T) { apply(t, manifest(t, name)) })
	}
}
