package apistub

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// kind is a kind of object that can be listed and watched.
type kind struct {
	schema.GroupVersionKind
	resource string
	fields   []string // what a field selector may name, besides name and namespace
}

var kinds = []kind{
	{gvk("", "Service"), "services", []string{"spec.clusterIP", "spec.type"}},
	{gvk("", "Node"), "nodes", []string{"spec.unschedulable"}},
	{gvk("discovery.k8s.io", "EndpointSlice"), "endpointslices", nil},
	{gvk("networking.k8s.io", "ServiceCIDR"), "servicecidrs", nil},
}

func gvk(group, name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: "v1", Kind: name}
}

// kindOf finds the kind that the API serves under this name.
func kindOf(gvr schema.GroupVersionResource) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool {
		return k.GroupVersion() == gvr.GroupVersion() && k.resource == gvr.Resource
	})
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// key names an object.
type key struct {
	resource, namespace, name string
}

func (k key) String() string {
	if k.namespace == "" {
		return k.resource + "/" + k.name
	}
	return k.resource + "/" + k.namespace + "/" + k.name
}

// object is what is stored: a copy of obj, with its kind filled in.
func object(obj runtime.Object) (key, *unstructured.Unstructured, error) {
	u, err := unstructuredOf(obj)
	if err != nil {
		return key{}, nil, err
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.GroupVersionKind == u.GroupVersionKind() })
	if i < 0 {
		return key{}, nil, fmt.Errorf("%s %s: not served here", u.GroupVersionKind(), u.GetName())
	}
	k := key{kinds[i].resource, u.GetNamespace(), u.GetName()}
	if k.name == "" {
		return key{}, nil, fmt.Errorf("%s without a name", u.GetKind())
	}
	return k, u, nil
}

func unstructuredOf(obj runtime.Object) (*unstructured.Unstructured, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return u.DeepCopy(), nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", obj, err)
	}
	u := &unstructured.Unstructured{Object: fields}
	// Typed objects do not carry their own kind as a rule.
	known, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		return nil, fmt.Errorf("kind of %T: %w", obj, err)
	}
	u.SetGroupVersionKind(known[0])
	return u, nil
}
