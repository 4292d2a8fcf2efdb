//go:build e2e

package kernel

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var ipv6Service = netip.MustParseAddr("fd00:10:96::1")

// hosted is a machine on which the host has been seen to.
func hosted(t *testing.T, cfg Config) *Kernel {
	t.Helper()
	k := openHere(t, cfg)
	if _, err := k.Host(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func bindNow(t *testing.T, k *Kernel, addr netip.Addr) error {
	t.Helper()
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Error(err)
	}
	return k.Addresses().Apply(t.Context(), []reconcile.Op[netip.Addr, state.None]{{Verb: reconcile.Create, Key: addr}})[0]
}

// sysctlsReadOnly is what a container sees.
func sysctlsReadOnly(t *testing.T) {
	t.Helper()
	err := unix.Unshare(unix.CLONE_NEWNS)
	for _, flags := range []uintptr{unix.MS_PRIVATE | unix.MS_REC, unix.MS_BIND, unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY} {
		if err == nil && flags&unix.MS_PRIVATE != 0 {
			err = unix.Mount("", "/", "", flags, "")
		} else if err == nil {
			err = unix.Mount("/proc/sys", "/proc/sys", "", flags, "")
		}
	}
	if err != nil {
		t.Fatalf("mount /proc/sys read-only: %v", err)
	}
}

// Where IPv6 is off for new devices it is switched on for ours, also when that
// is made anew (K44).
func TestIPv6IsSwitchedOnForOurDevice(t *testing.T) {
	kerneltest.FreshNamespace(t)
	kerneltest.Output(t, "sysctl", "-qw", device.IPv6OffDefault+"=1")
	k := hosted(t, config)
	if !slices.Contains(k.Families(), ipset.IPv6) || k.Unserved() != nil {
		t.Fatalf("serves %v: %v", k.Families(), k.Unserved())
	}
	for range 2 {
		if err := bindNow(t, k, ipv6Service); err != nil {
			t.Error(err)
		}
		kerneltest.Output(t, "ip", "link", "delete", device.Name)
	}
	if now := kerneltest.Output(t, "sysctl", "-n", device.IPv6OffDefault); now != "1\n" {
		t.Errorf("for all others it is %s", now)
	}
}

// A container may not switch it on: IPv6 is left out, and the sysctl is named.
// Where an init container has been before, it is served.
func TestIPv6IsLeftOutWhereItCannotBeSwitchedOn(t *testing.T) {
	for name, initialised := range map[string]bool{"without init": false, "after init": true} {
		t.Run(name, func(t *testing.T) {
			kerneltest.FreshNamespace(t)
			for _, name := range []string{"net.ipv4.vs.conntrack", "net.ipv4.ip_forward", device.IPv6OffDefault} {
				kerneltest.Output(t, "sysctl", "-qw", name+"=1")
			}
			if initialised {
				hosted(t, config)
			}
			sysctlsReadOnly(t)
			k := hosted(t, config)
			why := k.Unserved()
			if served := slices.Contains(k.Families(), ipset.IPv6); served != initialised || served != (why == nil) {
				t.Errorf("IPv6 is served: %t, left out because %v", served, why)
			}
			if !initialised && !strings.Contains(why.Error(), device.IPv6Off+" is 1 and has to be 0") {
				t.Errorf("the sysctl is not named: %v", why)
			}
			if err := bindNow(t, k, netip.MustParseAddr("10.96.0.1")); err != nil {
				t.Error(err)
			}
			if err := bindNow(t, k, ipv6Service); initialised != (err == nil) {
				t.Errorf("an address of IPv6: %v", err)
			} else if err != nil && (!errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), device.IPv6Off)) {
				t.Errorf("of an address that is refused this is said: %v", err)
			}
		})
	}
}

// A kernel that cannot translate addresses of IPv6 serves IPv4 alone, and neither
// init nor the daemon fails for that (K44).
func TestIPv6IsLeftOutWithoutTableNat(t *testing.T) {
	kerneltest.FreshNamespace(t)
	bin := t.TempDir()
	for _, name := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables-save"} {
		if err := os.Symlink("/usr/sbin/"+name, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	// As iptables-legacy says it where module ip6table_nat is not to be had.
	const script = "#!/bin/sh\ncase \"$*\" in *--version*) exec /usr/sbin/%[1]s \"$@\";; esac\n" +
		"echo \"%[1]s: can't initialize ip6tables table 'nat': Table does not exist (do you need to insmod?)\" >&2\nexit 3\n"
	for _, name := range []string{"ip6tables", "ip6tables-restore"} {
		text := strings.ReplaceAll(script, "%[1]s", name)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	k := openHere(t, config)
	if err := k.Load(t.Context()); err != nil {
		t.Errorf("init fails: %v", err)
	}
	for _, k := range []*Kernel{k, openHere(t, config)} {
		if _, err := k.Host(t.Context()); err != nil {
			t.Fatal(err)
		}
		if why := k.Unserved(); slices.Contains(k.Families(), ipset.IPv6) || why == nil || !strings.Contains(why.Error(), "nat") {
			t.Errorf("serves %v, left out because %v", k.Families(), why)
		}
		if err := bindNow(t, k, netip.MustParseAddr("10.96.0.1")); err != nil {
			t.Error(err)
		}
	}
}

// A rule that comes and goes is all that is tried, and where ours is there not
// even that.
func TestTheProbeLeavesNothing(t *testing.T) {
	kerneltest.FreshNamespace(t)
	before := wholeState(t)
	k := openHere(t, config)
	for range 2 {
		if err := k.Probe(t.Context(), ipset.IPv6); err != nil {
			t.Fatal(err)
		}
	}
	if got := wholeState(t); got != before {
		t.Errorf("it has left:\n%s", got)
	}
}

// Packets of IPv6 are forwarded where the cluster uses IPv6, and nowhere else;
// interfaces that go by what a router advertises still do.
func TestIPv6IsForwardedWhereItIsUsed(t *testing.T) {
	dual := config.Rules.Pods.CIDRs
	for _, c := range []struct {
		name string
		pods []netip.Prefix
		node string
		want string
	}{
		{"Pods of both families", dual, "192.0.2.1/24", "1"},
		{"Pods of IPv4 on a node with both", dual[:1], "2001:db8::1/64", "0"},
		{"Pods not known, on a node of IPv4", nil, "192.0.2.1/24", "0"},
		{"Pods not known, on a node with IPv6", nil, "2001:db8::1/64", "1"},
	} {
		kerneltest.FreshNamespace(t)
		kerneltest.Output(t, "ip", "link", "add", "up.link", "type", "dummy")
		kerneltest.Output(t, "ip", "link", "set", "up.link", "up")
		kerneltest.Output(t, "ip", "address", "add", c.node, "dev", "up.link")
		kerneltest.Output(t, "ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "up.link", "proto", "ra")
		cfg := config
		cfg.Rules.Pods = rules.Pods{CIDRs: c.pods}
		cfg.Record, cfg.RestoreSysctls = filepath.Join(t.TempDir(), "sysctls.json"), true
		k := hosted(t, cfg)
		if now := kerneltest.Output(t, "sysctl", "-n", "net.ipv6.conf.all.forwarding"); now != c.want+"\n" {
			t.Errorf("%s: forwarding is %s, want %s", c.name, now, c.want)
		}
		listens := map[string]string{"0": "1\n", "1": "2\n"}[c.want]
		if now := kerneltest.Output(t, "sysctl", "-n", "net.ipv6.conf.up/link.accept_ra"); now != listens {
			t.Errorf("%s: accept_ra is %s, want %s", c.name, now, listens)
		}
		if _, err := leftovers.Remove(t.Context(), k, leftovers.Cleanup); err != nil {
			t.Fatal(err)
		}
		if now := kerneltest.Output(t, "sysctl", "-n", "net.ipv6.conf.all.forwarding"); now != "0\n" {
			t.Errorf("%s: forwarding is %s after the cleanup", c.name, now)
		}
	}
}
