//go:build e2e

package kernel_test

import (
	"net/netip"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// TestOneClientPortAndOneEndpointTwice pins what IPVS cannot do (K39): a client
// that reaches one endpoint in two ways from one port. Conntrack gives the
// second connection another source port on its way to the endpoint. IPVS tells
// answers by client and endpoint alone, after conntrack has put the port back,
// and takes all of them for the connection that it made last. From another port
// all is well.
func TestOneClientPortAndOneEndpointTwice(t *testing.T) {
	const first, second, firstAfar, secondAfar = 110, 120, 111, 121
	s := openStreet(t, rules.IPTables, func(s street) []cluster.Port {
		return []cluster.Port{
			s.service(first, nil, "p1"), s.service(second, nil, "p1"),
			s.service(firstAfar, nil, "r1"), s.service(secondAfar, nil, "r1"),
		}
	})
	at := netip.AddrPortFrom
	direct := at(s.Pod("p1").IPv4, lab.Port)
	clusterIP := func(number uint16) netip.AddrPort { return at(numbered("10.96.0.", number), 80) }
	client, port := s.Pod("p3"), uint16(40000)
	for _, protocol := range []v1.Protocol{lab.TCP, lab.UDP} {
		for name, c := range map[string]struct {
			first, second netip.AddrPort
			silent        string
		}{
			"two Services":                          {clusterIP(first), clusterIP(second), "first"},
			"two Services, the endpoint elsewhere":  {clusterIP(firstAfar), clusterIP(secondAfar), "first"},
			"two addresses of a Service":            {clusterIP(first), at(numbered("198.51.100.", first), 80), "first"},
			"two Services, IPv6":                    {at(numbered("fd00:10:96::", first), 80), at(numbered("fd00:10:96::", second), 80), "first"},
			"the endpoint itself, then its Service": {direct, clusterIP(first), "first"},
			"a Service, then its endpoint itself":   {clusterIP(first), direct, "second"},
		} {
			port++
			own := client.IPv4
			if c.first.Addr().Is6() {
				own = client.IPv6
			}
			ask := func(port uint16, to netip.AddrPort, silent bool) (flow, error) {
				f, err := s.from(client.Namespace, at(own, port), protocol, to)
				if err == nil {
					err = f.ask(patience(silent))
				}
				return f, err
			}
			older, err := ask(port, c.first, false)
			if err != nil {
				t.Errorf("%s, %s: %v", protocol, name, err)
				continue
			}
			_, younger := ask(port, c.second, c.silent == "second")
			for way, err := range map[string]error{"second": younger, "first": older.ask(patience(c.silent == "first"))} {
				if (err != nil) != (way == c.silent) {
					t.Errorf("%s, %s: the %s connection: %v", protocol, name, way, err)
				}
			}
			if _, err := ask(port+1000, c.second, false); err != nil {
				t.Errorf("%s, %s, from another port: %v", protocol, name, err)
			}
		}
	}
}

// patience is how long an answer is waited for, if one is expected or not.
func patience(silence bool) time.Duration {
	if silence {
		return time.Second
	}
	return 10 * time.Second
}
