//go:build e2e

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// needIPVS skips where the kernel may well lack IPVS. Where the kernel was
// chosen for it, E2E_HOST is set, and nothing is skipped.
func needIPVS(t *testing.T, l *Lab) {
	t.Helper()
	if _, err := l.Node.Run("ipvsadm", "-Ln"); err != nil && os.Getenv("E2E_HOST") == "" {
		t.Skipf("missing kernel feature: IPVS: %v", err)
	}
	if os.Getenv("E2E_HOST") != "" && len(Protocols()) < 3 {
		t.Error("this kernel has no SCTP")
	}
}

func TestViewOfAnEmptyNode(t *testing.T) {
	l := newLab(t, Options{})
	if got, err := l.Node.Addresses("kube-ipvs0"); got != "" || err != nil {
		t.Errorf("addresses of a link that is not there: %q, %v", got, err)
	}
	got, err := l.Node.Addresses("eth0")
	if err != nil || !strings.HasPrefix(got, "192.0.2.1/24\n2001:db8:0:2::1/64\n") {
		t.Errorf("addresses of eth0: %q, %v", got, err)
	}
	if _, err := l.Node.Run("false"); err == nil || !strings.Contains(err.Error(), "run false") {
		t.Errorf("run false: %v", err)
	}
}

// With IPVS and masquerading set up by hand the lab shows what a proxy is for:
// this tries the lab, not kube-ipvs.
func TestThroughIPVS(t *testing.T) {
	l := newLab(t, Options{})
	needIPVS(t, l)
	node := l.Node.Namespace
	p1, r1 := l.Pod("p1"), l.Pod("r1")
	vip4, vip6 := netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00:10:96::10")
	type question struct {
		from     *Namespace
		protocol corev1.Protocol
		to       netip.AddrPort
		want     Answer
	}
	var questions []question
	var table strings.Builder
	option := map[corev1.Protocol]string{TCP: "-t", UDP: "-u", SCTP: "--sctp-service"}
	for _, c := range []struct {
		port             uint16
		from             *Namespace
		to               *Pod
		client4, client6 netip.Addr
	}{
		{80, l.Outside, p1, segment4(firstOutsider), segment6(firstOutsider)},
		{81, l.Outside, r1, l.Node.IPv4, l.Node.IPv6}, // masqueraded, see below
		{82, p1.Namespace, r1, p1.IPv4, p1.IPv6},
	} {
		for _, protocol := range Protocols() {
			for _, f := range []struct{ vip, pod, client netip.Addr }{{vip4, c.to.IPv4, c.client4}, {vip6, c.to.IPv6, c.client6}} {
				to := netip.AddrPortFrom(f.vip, c.port)
				questions = append(questions, question{c.from, protocol, to, Answer{c.to.Name, f.client}})
				fmt.Fprintf(&table, "-A %s %s -s rr\n", option[protocol], to)
				fmt.Fprintf(&table, "-a %s %s -r %s -m\n", option[protocol], to, netip.AddrPortFrom(f.pod, Port))
			}
		}
	}
	_, err := node.Run("sh", "-ec", fmt.Sprintf(`
ip link add kube-ipvs0 type dummy
ip addr add %s/32 dev kube-ipvs0
ip addr add %s/128 dev kube-ipvs0
ipvsadm -R <<END
%sEND
echo 1 >/proc/sys/net/ipv4/vs/conntrack
iptables -t nat -A POSTROUTING -s 192.0.2.100 -d 10.244.2.0/24 -j MASQUERADE
ip6tables -t nat -A POSTROUTING -s 2001:db8:0:2::100 -d fd00:10:244:2::/64 -j MASQUERADE
ipset create KIPVS-TEST hash:ip
ipset add KIPVS-TEST 192.0.2.9
`, vip4, vip6, table.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		if got, err := Ask(q.from, q.protocol, q.to, soon); err != nil {
			t.Error(err)
		} else if got != q.want {
			t.Errorf("%s asks %s/%s: %s, want %s", q.from.Name, q.to, q.protocol, got, q.want)
		}
	}
	expectView(t, "IPVS", node.IPVS, "TCP 10.96.0.10:80 rr\n  -> 10.244.1.1:8080 Masq 1\n")
	expectView(t, "sets", node.Sets, "add KIPVS-TEST 192.0.2.9\ncreate KIPVS-TEST hash:ip ")
	expectView(t, "rules", node.Rules, "-A POSTROUTING -s 192.0.2.100/32 -d 10.244.2.0/24 -j MASQUERADE\n")
	expectView(t, "addresses", func() (string, error) { return node.Addresses("kube-ipvs0") },
		"10.96.0.10/32\nfd00:10:96::10/128\n")
}

func expectView(t *testing.T, name string, view func() (string, error), part string) {
	t.Helper()
	if got, err := view(); err != nil || !strings.Contains(got, part) {
		t.Errorf("%s: %v\n%swant in it:\n%s", name, err, got, part)
	}
}

// What the kernels say of an address that two nodes have is what both programs
// are there to find.
func TestWhoHas(t *testing.T) {
	l := newLab(t, Options{})
	var want []string
	for _, h := range l.Nodes {
		hardware, err := h.Hardware("eth0")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, hardware)
		for _, p := range []string{"192.0.2.200/24", "2001:db8:0:2::c8/64"} {
			if err := h.address("eth0", netip.MustParsePrefix(p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(want)
	for addr, want := range map[string][]string{
		"192.0.2.200": want, "2001:db8:0:2::c8": want, "192.0.2.201": nil, "2001:db8:0:2::c9": nil,
	} {
		got, err := l.Outside.WhoHas("eth0", netip.MustParseAddr(addr))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("who has %s: %v, %v; want %v", addr, got, err, want)
		}
	}
}
