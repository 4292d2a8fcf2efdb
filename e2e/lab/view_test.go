//go:build e2e

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// needIPVS skips where the kernel may well lack IPVS. Where the kernel was
// chosen for it, E2E_HOST is set, and nothing is skipped.
func needIPVS(t *testing.T, l *Lab) {
	t.Helper()
	if _, err := l.Node.Run("ipvsadm", "-Ln"); err != nil && os.Getenv("E2E_HOST") == "" {
		t.Skipf("this kernel has no IPVS: %v", err)
	}
	if os.Getenv("E2E_HOST") != "" && len(Protocols()) < 3 {
		t.Error("this kernel has no SCTP")
	}
}

func run(t *testing.T, in *Namespace, commands ...string) {
	t.Helper()
	for _, c := range commands {
		words := strings.Fields(c)
		if _, err := in.Run(words[0], words[1:]...); err != nil {
			t.Fatal(err)
		}
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

// With IPVS and masquerading set up by hand, the lab shows what a proxy is
// for: this is what its own parts are good for, not what kube-ipvs does.
func TestThroughIPVS(t *testing.T) {
	l := newLab(t, Options{})
	needIPVS(t, l)
	node := l.Node.Namespace
	p1, r1 := l.Pod("p1"), l.Pod("r1")
	vip4, vip6 := netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00:10:96::10")
	run(t, node, "ip link add kube-ipvs0 type dummy",
		fmt.Sprintf("ip addr add %s/32 dev kube-ipvs0", vip4),
		fmt.Sprintf("ip addr add %s/128 dev kube-ipvs0", vip6))
	if err := node.Do(func() error { return setSysctl("net/ipv4/vs/conntrack", "1") }); err != nil {
		t.Fatal(err)
	}
	options := map[corev1.Protocol]string{TCP: "-t", UDP: "-u", SCTP: "--sctp-service"}
	for i, pair := range []struct {
		port       uint16
		pod        *Pod
		from       *Namespace
		v4, v6     netip.Addr
		masquerade bool
	}{
		{80, p1, l.Outside, segment4(firstOutsider), segment6(firstOutsider), false},
		{81, r1, l.Outside, l.Node.IPv4, l.Node.IPv6, true},
		{82, r1, p1.Namespace, p1.IPv4, p1.IPv6, false},
	} {
		if pair.masquerade {
			run(t, node,
				"iptables -t nat -A POSTROUTING -s 192.0.2.100 -d 10.244.2.0/24 -j MASQUERADE",
				"ip6tables -t nat -A POSTROUTING -s 2001:db8:0:2::100 -d fd00:10:244:2::/64 -j MASQUERADE")
		}
		for _, protocol := range Protocols() {
			for _, f := range []struct{ vip, pod, client netip.Addr }{{vip4, pair.pod.IPv4, pair.v4}, {vip6, pair.pod.IPv6, pair.v6}} {
				to := netip.AddrPortFrom(f.vip, pair.port)
				option := options[protocol]
				run(t, node,
					fmt.Sprintf("ipvsadm -A %s %s -s rr", option, to),
					fmt.Sprintf("ipvsadm -a %s %s -r %s -m", option, to, netip.AddrPortFrom(f.pod, Port)))
				want := Answer{pair.pod.Name, f.client}
				if got, err := Ask(pair.from, protocol, to, soon); err != nil {
					t.Errorf("%d: %v", i, err)
				} else if got != want {
					t.Errorf("%d: %s asks %s/%s: %s, want %s", i, pair.from.Name, to, protocol, got, want)
				}
			}
		}
	}
	got, err := node.IPVS()
	if err != nil {
		t.Fatal(err)
	}
	if line := "TCP 10.96.0.10:80 rr\n  -> 10.244.1.1:8080 Masq 1\n"; !strings.Contains(got, line) {
		t.Errorf("IPVS:\n%swants %q", got, line)
	}
	run(t, node, "ipset create KIPVS-TEST hash:ip", "ipset add KIPVS-TEST 192.0.2.9")
	sets, err := node.Sets()
	if err != nil || !strings.HasPrefix(sets, "add KIPVS-TEST 192.0.2.9\ncreate KIPVS-TEST hash:ip ") {
		t.Errorf("sets: %q, %v", sets, err)
	}
	addrs, err := node.Addresses("kube-ipvs0")
	if want := "10.96.0.10/32\nfd00:10:96::10/128\n"; addrs != want || err != nil {
		t.Errorf("addresses: %s%v", cmp.Diff(want, addrs), err)
	}
	rules, err := node.Rules()
	if line := "-A POSTROUTING -s 192.0.2.100/32 -d 10.244.2.0/24 -j MASQUERADE\n"; err != nil || !strings.Contains(rules, line) {
		t.Errorf("rules:\n%s, %v; want %q", rules, err, line)
	}
}
