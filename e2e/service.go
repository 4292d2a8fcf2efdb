//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// condition is an endpoint's.
type condition struct{ ready, serving, terminating bool }

var (
	ready       = condition{ready: true, serving: true}
	unready     = condition{}
	terminating = condition{serving: true, terminating: true}
)

// endpoints are Pods by name.
type endpoints map[string]condition

// service is one in the API, with what belongs to it.
type service struct {
	*corev1.Service
	space *space
}

// service creates a Service of both families and all protocols, with its
// slices, and returns when it answers, or is at least there if it cannot.
func (s *space) service(name string, of endpoints, edit ...func(*corev1.Service)) *service {
	s.t.Helper()
	svc := s.created(name, of, edit...)
	svc.await(of)
	return svc
}

// created does not wait.
func (s *space) created(name string, of endpoints, edit ...func(*corev1.Service)) *service {
	s.t.Helper()
	svc, err := s.write(name, of, edit...)
	if err != nil {
		s.t.Fatal(err)
	}
	return svc
}

// write is created for any goroutine.
func (s *space) write(name string, of endpoints, edit ...func(*corev1.Service)) (*service, error) {
	object := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name},
		Spec:       corev1.ServiceSpec{IPFamilyPolicy: new(corev1.IPFamilyPolicyRequireDualStack)},
	}
	for _, p := range lab.Protocols() {
		object.Spec.Ports = append(object.Spec.Ports, corev1.ServicePort{Name: portName(p), Protocol: p, Port: port})
	}
	for _, e := range edit {
		e(object)
	}
	ingress := object.Status.LoadBalancer.Ingress // which Create drops
	svc := &service{object, s}
	if err := svc.writeEndpoints(of); err != nil {
		return nil, err
	}
	ctx := within(s.t, soon)
	var err error
	if svc.Service, err = api.CoreV1().Services(s.name).Create(ctx, object, metav1.CreateOptions{}); err == nil && len(ingress) > 0 {
		svc.Status.LoadBalancer.Ingress = ingress
		svc.Service, err = api.CoreV1().Services(s.name).UpdateStatus(ctx, svc.Service, metav1.UpdateOptions{})
	}
	return svc, err
}

// What the tests' Services have in common, to be combined.
var (
	nodePort = func(svc *corev1.Service) { svc.Spec.Type = corev1.ServiceTypeNodePort }
	local    = func(svc *corev1.Service) { svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }
	sticky   = func(svc *corev1.Service) { svc.Spec.SessionAffinity = corev1.ServiceAffinityClientIP }
)

func externalIPs(at pair) func(*corev1.Service) {
	return func(svc *corev1.Service) { svc.Spec.ExternalIPs = at.texts() }
}

func loadBalancer(at pair) func(*corev1.Service) {
	return func(svc *corev1.Service) {
		svc.Spec.Type = corev1.ServiceTypeLoadBalancer
		for _, ip := range at.texts() {
			svc.Status.LoadBalancer.Ingress = append(svc.Status.LoadBalancer.Ingress,
				corev1.LoadBalancerIngress{IP: ip, IPMode: new(corev1.LoadBalancerIPModeVIP)})
		}
	}
}

func portName(p corev1.Protocol) string { return strings.ToLower(string(p)) }

func (s *service) clusterIPs() pair { return readPair(s.Spec.ClusterIPs...) }

func (s *service) nodePort(p corev1.Protocol) uint16 {
	for _, sp := range s.Spec.Ports {
		if sp.Protocol == p {
			return uint16(sp.NodePort)
		}
	}
	return 0
}

// delete deletes the Service alone: its slices stay, as they do for a while in
// any cluster.
func (s *service) delete() {
	s.space.t.Helper()
	if err := api.CoreV1().Services(s.Namespace).Delete(within(s.space.t, soon), s.Name, metav1.DeleteOptions{}); err != nil {
		s.space.t.Fatal(err)
	}
}

// edit changes the Service in the API.
func (s *service) edit(change func(*corev1.Service)) {
	s.space.t.Helper()
	ctx := within(s.space.t, soon)
	now, err := api.CoreV1().Services(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if err == nil {
		change(now)
		s.Service, err = api.CoreV1().Services(s.Namespace).Update(ctx, now, metav1.UpdateOptions{})
	}
	if err != nil {
		s.space.t.Fatal(err)
	}
}

// setEndpoints writes the slices, one of each family.
func (s *service) setEndpoints(of endpoints, edit ...func(*discovery.EndpointSlice)) {
	s.space.t.Helper()
	if err := s.writeEndpoints(of, edit...); err != nil {
		s.space.t.Fatal(err)
	}
}

func (s *service) writeEndpoints(of endpoints, edit ...func(*discovery.EndpointSlice)) error {
	ctx := within(s.space.t, soon)
	slices := api.DiscoveryV1().EndpointSlices(s.Namespace)
	for _, f := range families {
		slice := s.space.slice(s.Name, f, of)
		for _, e := range edit {
			e(slice)
		}
		_, err := slices.Create(ctx, slice, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			_, err = slices.Update(ctx, slice, metav1.UpdateOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// slice is what an endpoint slice controller would write.
func (s *space) slice(service string, f corev1.IPFamily, of endpoints) *discovery.EndpointSlice {
	slice := &discovery.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.name, Name: service + "-" + strings.ToLower(string(f)),
			Labels: map[string]string{discovery.LabelServiceName: service},
		},
		AddressType: discovery.AddressType(f),
	}
	for _, p := range lab.Protocols() {
		slice.Ports = append(slice.Ports, discovery.EndpointPort{
			Name: new(portName(p)), Protocol: &p, Port: new(int32(lab.Port)),
		})
	}
	for name, c := range of {
		pod, host := s.Pod(name), s.hostOf(name).Name
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses:  []string{pair{pod.IPv4, pod.IPv6}.of(f).String()},
			NodeName:   &host,
			Conditions: discovery.EndpointConditions{Ready: &c.ready, Serving: &c.serving, Terminating: &c.terminating},
		})
	}
	return slice
}

// hostOf is the node of a Pod.
func (c *cluster) hostOf(pod string) *lab.Host {
	at := slices.IndexFunc(c.Nodes, func(h *lab.Host) bool { return slices.Contains(h.Pods, c.Pod(pod)) })
	return c.Nodes[at]
}

// await returns when all addresses are bound, which comes last in a pass, and
// the slices are known as well.
func (s *service) await(of endpoints) {
	s.space.t.Helper()
	addrs := slices.Concat(s.Spec.ClusterIPs, s.Spec.ExternalIPs)
	for _, in := range s.Status.LoadBalancer.Ingress {
		addrs = append(addrs, in.IP)
	}
	err := lab.Until(within(s.space.t, patience), func() error {
		bound, err := s.space.Host.Addresses("kube-ipvs0")
		for _, a := range addrs {
			if err == nil && !strings.Contains(bound, a+"/") {
				err = fmt.Errorf("%s of Service %s is not bound", a, s.Name)
			}
		}
		return err
	})
	if err != nil {
		s.space.t.Fatal(err)
	}
	for _, c := range of {
		if c.ready || c.terminating {
			s.untilAnswered()
			return
		}
	}
}

// untilAnswered waits until there is an answer on both ClusterIPs.
func (s *service) untilAnswered() {
	s.space.t.Helper()
	for _, q := range s.space.questions("p3", s.clusterIPs(), lab.TCP) {
		err := lab.Until(within(s.space.t, patience), func() error {
			_, err := lab.Ask(q.from.Namespace, q.protocol, q.to, long)
			return err
		})
		if err != nil {
			s.space.t.Fatal(err)
		}
	}
}
