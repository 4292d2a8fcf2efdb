package node

import (
	"fmt"
	"net/netip"
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestWhereNodeAndHealthPortsAnswer(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	within := func(texts ...string) (n Ports) {
		for _, text := range texts {
			n.Within = append(n.Within, netip.MustParsePrefix(text))
		}
		return n
	}
	known := &v1.Node{Status: v1.NodeStatus{Addresses: []v1.NodeAddress{
		{Type: v1.NodeExternalIP, Address: "192.0.2.1"}, {Type: v1.NodeInternalIP, Address: "10.0.0.1"},
	}}}
	both := known.DeepCopy()
	both.Status.Addresses = append(both.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: "2001:db8::1"})
	primaryAnd := func(text string) Ports {
		n := within(text)
		n.Primary = true
		return n
	}
	for _, c := range []struct {
		name          string
		ports         Ports
		node          *v1.Node
		answer, hears string
	}{
		{"nothing said", Ports{}, nil, "[10.0.0.1 192.0.2.1 2001:db8::1]", "[0.0.0.0 ::]"},
		{"one family", within("192.0.2.0/24"), nil, "[192.0.2.1 2001:db8::1]", "[192.0.2.1 ::]"},
		{"both", within("192.0.2.0/24", "2001:db8::/64"), nil, "[192.0.2.1 2001:db8::1]", "[192.0.2.1 2001:db8::1]"},
		{"all", within("0.0.0.0/0", "::/0"), nil, "[10.0.0.1 192.0.2.1 2001:db8::1]", "[0.0.0.0 ::]"},
		{"none of them", within("198.51.100.0/24"), nil, "[2001:db8::1]", "[::]"},
		{"primary", Ports{Primary: true}, both, "[10.0.0.1 2001:db8::1]", "[10.0.0.1 2001:db8::1]"},
		{"primary, known in one family", Ports{Primary: true}, known, "[10.0.0.1]", "[10.0.0.1]"},
		{"primary, chosen", Ports{Primary: true, Chosen: netip.MustParseAddr("192.0.2.1")}, known, "[192.0.2.1]", "[192.0.2.1]"},
		{"primary of an unknown node", Ports{Primary: true}, nil, "[]", "[]"},
		{"primary and a network", primaryAnd("192.0.2.0/24"), nil, "[192.0.2.1]", "[192.0.2.1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			picked := c.ports.pick(own, c.node)
			if got := fmt.Sprint(picked); got != c.answer {
				t.Errorf("node ports answer on %s, want %s", got, c.answer)
			}
			if got := fmt.Sprint(c.ports.listen(picked, c.node)); got != c.hears {
				t.Errorf("health ports answer on %s, want %s", got, c.hears)
			}
		})
	}
}
