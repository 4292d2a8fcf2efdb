//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

const procIPVS = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A60000A:0050 rr 
  -> 0AF40201:1F40      Masq    1      0          11        
  -> 0AF40102:1F40      Masq    0      1          10        
TCP  [2001:0db8:0000:0002:0000:0000:0000:0001]:7580 rr 
  -> [fd00:0010:0244:0001:0000:0000:0000:0001]:1F40      Masq    1      0          10        
FWM  00003075 rr 
  -> 7F000001:0000      Local   1      0          0         
UDP  C0000201:0035 rr 
`

func TestParseServers(t *testing.T) {
	s, err := parseServers(procIPVS)
	at := netip.MustParseAddrPort
	want := servers{
		at("10.96.0.10:80"):           {at("10.244.2.1:8000")},
		at("[2001:db8:0:2::1]:30080"): {at("[fd00:10:244:1::1]:8000")},
		at("192.0.2.1:53"):            nil,
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%v, %v, want %v", s, err, want)
	}
	for _, bad := range []string{"TCP 0A60000A rr", "TCP 0A60000A:xx rr", "TCP 0A60:0050 rr", "TCP [fd::1::]:0050 rr", "TCP zz:0050 rr"} {
		if s, err := parseServers(bad); err == nil {
			t.Errorf("%q: %v", bad, s)
		}
	}
	if s, err := parseServers(""); err != nil || len(s) > 0 {
		t.Errorf("without IPVS: %v, %v", s, err)
	}
}

func TestLacks(t *testing.T) {
	at := netip.MustParseAddrPort
	fronts := []front{
		{service: "a", way: "ClusterIP", at: at("10.0.0.1:1"), pods: []netip.AddrPort{at("10.1.0.2:1"), at("10.1.0.1:1")}},
		{service: "b", way: "NodePort", at: at("10.0.0.2:1")},
	}
	for _, c := range []struct {
		have servers
		want string
	}{
		{servers{at("10.0.0.1:1"): {at("10.1.0.1:1"), at("10.1.0.2:1")}, at("10.0.0.2:1"): nil}, "<nil>"},
		{servers{at("10.0.0.1:1"): {at("10.1.0.1:1")}}, "IPVS has at 10.0.0.1:1 (a ClusterIP) [10.1.0.1:1], expected [10.1.0.1:1 10.1.0.2:1]"},
		{servers{at("10.0.0.1:1"): fronts[0].pods}, "IPVS has 1 virtual servers, expected 2"},
	} {
		if got := fmt.Sprint(c.have.lacks(fronts)); got != c.want {
			t.Errorf("%v: %s, want %s", c.have, got, c.want)
		}
	}
}

func TestExplained(t *testing.T) {
	text := `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.10:80 rr (flag-3)
  -> 10.244.1.1:8000              Masq    1      0          20        
TCP  192.0.2.9:80 rr
TCP  [fd00:10:96::10]:80 rr (flag-3)
  -> [fd00:10:244:1::1]:8000      Masq    1      0          20        
  -> [fd00:10:244:1::2]:8000      Masq    1      0          20        
`
	pod := netip.MustParseAddrPort("10.244.1.1:8000")
	half, virtual, behind := explained(text,
		[]front{{service: "web", way: "ClusterIP", at: netip.MustParseAddrPort("10.96.0.10:80"), pods: []netip.AddrPort{pod}}},
		map[netip.Addr]string{pod.Addr(): "p1"})
	want := `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.10:80 rr (flag-3)` + strings.Repeat(" ", 44) + `web ClusterIP
  -> 10.244.1.1:8000              Masq    1      0          20            p1
TCP  192.0.2.9:80 rr
`
	if half != want || virtual != 1 || behind != 2 {
		t.Errorf("%d virtual and %d real servers of IPv6, and\n%s", virtual, behind, half)
	}
}

// What the real kube-proxy has left for the demo to begin with.
func TestChains(t *testing.T) {
	v4, v6, found := strings.Cut(leftovers, second)
	if !found {
		t.Fatal("leftovers.rules has no part for IPv6")
	}
	for _, part := range []string{v4, v6} {
		all := readChains(part)
		old, foreign, ours := sorted(all)
		if len(old) < 20 || hooks(old) < 8 || len(ours) > 0 {
			t.Errorf("%d chains of kube-proxy's, %d jumps from built-in chains, %d chains of ours", len(old), hooks(old), len(ours))
		}
		if got := names(foreign); strings.Count(got, "KUBE-KUBELET-CANARY") != 3 || !strings.Contains(got, "KUBE-FIREWALL") {
			t.Errorf("the kubelet's: %s", got)
		}
		if got := changed(foreign, all); len(got) > 0 {
			t.Errorf("changed against itself: %v", got)
		}
	}
	if got := refusing(readChains(v4)); len(got) != 2 {
		t.Errorf("what refuses %s: %q", late, got)
	}
}

func TestReadChains(t *testing.T) {
	now := readChains("*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n:KUBE-SVC-AAAABBBBCCCCDDDD - [0:0]\n" +
		"-A PREROUTING -g KUBE-SVC-AAAABBBBCCCCDDDD\n-A KUBE-FIREWALL -j KUBE-SVC-AAAABBBBCCCCDDDD\nCOMMIT\n" +
		"*filter\n:KUBE-FIREWALL - [0:0]\n:KIPVS-FILTER - [0:0]\n-A KUBE-FIREWALL -j DROP\nCOMMIT\n")
	old, foreign, ours := sorted(now)
	if len(old) != 1 || old[0].kind() != "KUBE-SVC-*" || old[0].jumps != 1 || len(old[0].hooks) != 1 {
		t.Errorf("kube-proxy's: %+v", old)
	}
	if len(foreign) != 2 || len(ours) != 1 || len(foreign[1].rules) != 1 {
		t.Errorf("the kubelet's: %+v, ours: %+v", foreign, ours)
	}
	if got := changed(foreign, now[:2]); fmt.Sprint(got) != "[filter KUBE-FIREWALL]" {
		t.Errorf("changed: %v", got)
	}
}
