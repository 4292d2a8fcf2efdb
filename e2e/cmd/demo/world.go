//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kube-ipvs/kube-ipvs/e2e/apistub"
)

// world is what the API holds.
type world struct {
	node     *v1.Node
	services []*v1.Service
	slices   []*discovery.EndpointSlice
}

// readWorld reads the YAML files of a folder: one Node, and Services with
// their slices, sorted by what a Service is for.
func readWorld(folder string) (w world, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return w, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return w, err
		}
		objs, err := apistub.Parse(text)
		for _, obj := range objs {
			err = errors.Join(err, w.add(obj))
		}
		if err != nil {
			return w, fmt.Errorf("read %s: %w", file, err)
		}
	}
	if w.node == nil || len(w.services) == 0 {
		return w, fmt.Errorf("%s: no Node or no Service in *.yaml", folder)
	}
	slices.SortFunc(w.services, func(a, b *v1.Service) int { return cmp.Compare(rank(a), rank(b)) })
	return w, nil
}

// rank orders Services as they are explained.
func rank(s *v1.Service) int {
	return slices.Index([]v1.ServiceType{v1.ServiceTypeClusterIP, v1.ServiceTypeNodePort, v1.ServiceTypeLoadBalancer}, s.Spec.Type)
}

func (w *world) add(obj runtime.Object) error {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("%T", obj)
	}
	var into runtime.Object
	switch u.GetKind() {
	case "Node":
		w.node = &v1.Node{}
		into = w.node
	case "Service":
		s := &v1.Service{}
		w.services, into = append(w.services, s), s
	case "EndpointSlice":
		s := &discovery.EndpointSlice{}
		w.slices, into = append(w.slices, s), s
	default:
		return fmt.Errorf("%s %s: not a Node, Service or EndpointSlice", u.GetKind(), u.GetName())
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		return err
	}
	if s, ok := into.(*discovery.EndpointSlice); ok && !plain(s) {
		return fmt.Errorf("EndpointSlice %s: not one port, or an endpoint without address and node", s.Name)
	}
	return nil
}

// plain tells whether a slice is as simple as the demo takes it to be.
func plain(s *discovery.EndpointSlice) bool {
	lame := func(e discovery.Endpoint) bool { return len(e.Addresses) == 0 || e.NodeName == nil }
	return len(s.Ports) == 1 && s.Ports[0].Port != nil && !slices.ContainsFunc(s.Endpoints, lame)
}

// objects are all of them.
func (w world) objects() []runtime.Object {
	objs := []runtime.Object{w.node}
	for _, s := range w.services {
		objs = append(objs, s)
	}
	for _, s := range w.slices {
		objs = append(objs, s)
	}
	return objs
}

// grown is the world with more endpoints in every slice, each on a node.
func (w world) grown(more []endpoint) world {
	before := w.slices
	w.slices = nil
	for _, s := range before {
		s = s.DeepCopy()
		for _, e := range more {
			if e.addr.Is4() == (s.AddressType == discovery.AddressTypeIPv4) {
				yes := true
				s.Endpoints = append(s.Endpoints, discovery.Endpoint{
					Addresses:  []string{e.addr.String()},
					NodeName:   &e.node,
					Conditions: discovery.EndpointConditions{Ready: &yes, Serving: &yes},
				})
			}
		}
		w.slices = append(w.slices, s)
	}
	return w
}

// endpoint is an address of a Pod.
type endpoint struct {
	addr netip.Addr
	node string
}
