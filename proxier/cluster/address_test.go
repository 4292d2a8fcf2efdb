package cluster

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// fields are all that name addresses, each with what is left of one there.
var fields = map[string]func(text string, node Node) ([]netip.Addr, []Remark){
	"spec.clusterIPs": func(text string, node Node) ([]netip.Addr, []Remark) {
		ports, remarks := Ports(cart(func(s *v1.Service) { s.Spec.ClusterIPs = []string{text} }), nil, node)
		if len(ports) == 0 {
			return nil, remarks
		}
		return ports[0].ClusterIPs, remarks
	},
	"spec.externalIPs": func(text string, node Node) ([]netip.Addr, []Remark) {
		ports, remarks := Ports(dual(func(s *v1.Service) { s.Spec.ExternalIPs = []string{text} }), nil, node)
		return ports[0].ExternalIPs, remarks
	},
	"status.loadBalancer.ingress": func(text string, node Node) ([]netip.Addr, []Remark) {
		ports, remarks := Ports(dual(func(s *v1.Service) {
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: text}}
		}), nil, node)
		return ports[0].IngressIPs, remarks
	},
	"endpoints[0].addresses[0]": func(text string, node Node) (found []netip.Addr, remarks []Remark) {
		of := discovery.AddressTypeIPv4
		if netip.MustParseAddr(text).Unmap().Is6() {
			of = discovery.AddressTypeIPv6
		}
		ports, remarks := Ports(dual(nil), []*discovery.EndpointSlice{cartSlice(of, at(text))}, node)
		for _, e := range ports[0].Endpoints {
			found = append(found, e.Addr.Addr())
		}
		return found, remarks
	},
}

func dual(change func(*v1.Service)) *v1.Service {
	return cart(func(s *v1.Service) {
		s.Spec.ClusterIPs = []string{"10.96.0.1", "fd00::1"}
		if change != nil {
			change(s)
		}
	})
}

// Each kind of address in each field: it may stand there, or there is a remark
// that says what it is.
func TestWhatAnAddressInEachFieldMayBe(t *testing.T) {
	node := Node{Name: "node-a", Networks: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.8.0.0/14"), netip.MustParsePrefix("198.51.100.6/31"),
		netip.MustParsePrefix("203.0.113.9/32"), netip.MustParsePrefix("2001:db8::/64"),
	}}
	const thisNetworks = "a broadcast address of a network that this node is in"
	for address, kind := range map[string]string{
		"0.0.0.0": "an unspecified address", "0.0.0.5": "an unspecified address", "::": "an unspecified address",
		"127.0.0.1": "a loopback address", "127.8.0.1": "a loopback address", "::1": "a loopback address",
		"169.254.77.7": "a link-local address", "169.254.169.254": "a link-local address", "fe80::1": "a link-local address",
		"fe80::1%eth0": "a link-local address",
		"224.0.0.1":    "a multicast address", "239.1.2.3": "a multicast address", "ff02::1": "a multicast address",
		"255.255.255.255": "the broadcast address of all networks",
		"192.0.2.255":     thisNetworks, "192.0.2.0": thisNetworks, "10.11.255.255": thisNetworks, "10.8.0.0": thisNetworks,
		"::ffff:127.0.0.1": "a loopback address", "::ffff:192.0.2.255": thisNetworks,

		"192.0.2.254": "", "10.8.255.255": "", "10.12.0.0": "", "198.51.100.7": "", "203.0.113.9": "", "203.0.113.255": "",
		"240.0.0.1": "", "255.255.255.254": "", "100.64.0.1": "", "::ffff:192.0.2.7": "",
		"2001:db8::": "", "2001:db8::ffff": "", "fd00::7": "", "64:ff9b::c000:201": "",
	} {
		for field, read := range fields {
			found, remarks := read(address, node)
			if kind == "" {
				if want := netip.MustParseAddr(address).Unmap(); !slices.Equal(found, []netip.Addr{want}) || len(remarks) > 0 {
					t.Errorf("%s in %s: %v, %v; want %s and no remark", address, field, found, remarks, want)
				}
				continue
			}
			if len(found) > 0 || len(remarks) != 1 || remarks[0].Field != field || !strings.Contains(remarks[0].Problem, " is "+kind+": ") {
				t.Errorf("%s in %s: %v, %v; want nothing, and a remark that it is %s", address, field, found, remarks, kind)
			}
		}
	}
}
