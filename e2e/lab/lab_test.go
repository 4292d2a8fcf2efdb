//go:build e2e

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Long enough never to be met by what works, short enough to wait for what
// must not.
const (
	soon = 5 * time.Second
	long = 300 * time.Millisecond
)

func newLab(t *testing.T, o Options) *Lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("missing privilege: network namespaces need root")
	}
	begin := time.Now()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %s", time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// address is the host's or Pod's of the same family as that of another.
func address(like netip.Addr, v4, v6 netip.Addr) netip.Addr {
	if like.Is4() {
		return v4
	}
	return v6
}

func TestEveryPodAnswersInsideTheCluster(t *testing.T) {
	l := newLab(t, Options{Nodes: 3})
	p2, r2, node3 := l.Pod("p2"), l.Pod("r2"), l.Nodes[2]
	from := []struct {
		*Namespace
		v4, v6 netip.Addr
	}{
		{l.Node.Namespace, l.Node.IPv4, l.Node.IPv6},
		{l.Node2.Namespace, l.Node2.IPv4, l.Node2.IPv6},
		{node3.Namespace, node3.IPv4, node3.IPv6},
		{p2.Namespace, p2.IPv4, p2.IPv6},
		{r2.Namespace, r2.IPv4, r2.IPv6},
	}
	if len(l.pods()) != 7 {
		t.Fatalf("%d Pods, want p1 p2 p3 r1 r2 s1 s2", len(l.pods()))
	}
	for _, client := range from {
		for _, server := range l.pods() {
			for _, protocol := range Protocols() {
				for _, addr := range []netip.Addr{server.IPv4, server.IPv6} {
					want := Answer{server.Name, address(addr, client.v4, client.v6)}
					got, err := Ask(client.Namespace, protocol, netip.AddrPortFrom(addr, Port), soon)
					if err != nil {
						t.Error(err)
					} else if got != want {
						t.Errorf("%s asks %s/%s: %s, want %s", client.Name, addr, protocol, got, want)
					}
				}
			}
		}
	}
}

func TestOutsideKnowsServicesAndNodesOnly(t *testing.T) {
	l := newLab(t, Options{Outsiders: 2, NodeAddrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}})
	server := NewServer("host")
	defer server.Close()
	services := []string{"10.96.0.10/32", "198.51.100.10/32", "fd00:10:96::10/128", "2001:db8:51::10/128"}
	addrs := []netip.Addr{l.Node.IPv4, l.Node.IPv6, netip.MustParseAddr("192.0.2.11")}
	for _, s := range services {
		p := netip.MustParsePrefix(s)
		if err := l.Node.address("lo", p); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, p.Addr())
	}
	outside2 := l.Namespace("outside2")
	for _, protocol := range []corev1.Protocol{TCP, UDP} {
		for _, addr := range addrs {
			to := netip.AddrPortFrom(addr, Port)
			if err := server.Listen(l.Node.Namespace, protocol, to); err != nil {
				t.Fatal(err)
			}
			want := Answer{"host", address(addr, segment4(101), segment6(101))}
			if got, err := Ask(outside2, protocol, to, soon); err != nil {
				t.Error(err)
			} else if got != want {
				t.Errorf("outside2 asks %s/%s: %s, want %s", to, protocol, got, want)
			}
		}
	}
	for _, pod := range []*Pod{l.Pod("p1"), l.Pod("r1")} {
		for _, addr := range []netip.Addr{pod.IPv4, pod.IPv6} {
			_, err := Ask(l.Outside, TCP, netip.AddrPortFrom(addr, Port), soon)
			if !errors.Is(err, syscall.ENETUNREACH) {
				t.Errorf("outside asks %s: %v, want no route", addr, err)
			}
		}
	}
}

func TestReplyToAPodIsLostOutside(t *testing.T) {
	l := newLab(t, Options{})
	server := NewServer("outside")
	defer server.Close()
	for _, protocol := range []corev1.Protocol{TCP, UDP} {
		for _, addr := range []netip.Addr{segment4(firstOutsider), segment6(firstOutsider)} {
			to := netip.AddrPortFrom(addr, Port)
			if err := server.Listen(l.Outside, protocol, to); err != nil {
				t.Fatal(err)
			}
			if _, err := Ask(l.Node.Namespace, protocol, to, soon); err != nil {
				t.Error(err)
			}
			if got, err := Ask(l.Pod("p1").Namespace, protocol, to, long); !errors.Is(err, ErrTimeout) {
				t.Errorf("p1 asks %s/%s: %v, %v; want %v", to, protocol, got, err, ErrTimeout)
			}
		}
	}
}

func TestShownNamesGoAway(t *testing.T) {
	prefix := fmt.Sprintf("labtest%d-", os.Getpid())
	l := newLab(t, Options{Pods: 1, RemotePods: 1, ShowAs: prefix})
	path := filepath.Join(shown, prefix+"p1")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	var of, at syscall.Stat_t
	if err := errors.Join(syscall.Fstat(int(l.Pod("p1").file.Fd()), &of), syscall.Stat(path, &at)); err != nil {
		t.Fatal(err)
	}
	if of.Ino != at.Ino {
		t.Errorf("%s is namespace %d, want %d", path, at.Ino, of.Ino)
	}
	if _, err := New(Options{ShowAs: prefix}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second lab of the same names: %v, want %v", err, os.ErrExist)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the second lab took the first one's name: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(shown, prefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("after Close: %v, %v", left, err)
	}
}

func TestDoComesHome(t *testing.T) {
	l := newLab(t, Options{Pods: 1, RemotePods: 1})
	home, err := os.Readlink(ours)
	if err != nil {
		t.Fatal(err)
	}
	var inNode, inPod, back string
	err = l.Node.Do(func() error {
		inNode, _ = os.Readlink(ours)
		err := l.Pod("p1").Do(func() error { inPod, _ = os.Readlink(ours); return os.ErrInvalid })
		back, _ = os.Readlink(ours)
		return err
	})
	if !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Do: %v, want the function's error", err)
	}
	now, _ := os.Readlink(ours)
	if now != home || inNode == home || inPod == inNode || back != inNode {
		t.Errorf("home %s, node %s, Pod in node %s, node again %s, home again %s", home, inNode, inPod, back, now)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Node.Do(func() error { t.Error("ran in a closed namespace"); return nil }); err == nil {
		t.Error("Do in a closed namespace: no error")
	}
}
