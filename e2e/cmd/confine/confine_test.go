//go:build linux

package main

import (
	"slices"
	"testing"

	bpf "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestLastOfEach(t *testing.T) {
	got := lastOfEach([]string{"A=1", "AB=2", "A=3", "C=", "AB=2"})
	if want := []string{"A=3", "C=", "AB=2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCapabilities(t *testing.T) {
	var c capabilities
	if err := c.UnmarshalText([]byte("net_admin,net_raw")); err != nil || !c.has(unix.CAP_NET_RAW) || c.has(unix.CAP_SYS_ADMIN) || c.all() {
		t.Errorf("%q, %v", c, err)
	}
	if err := c.UnmarshalText([]byte("net_admin,fly")); err == nil {
		t.Errorf("%q, want an error", c)
	}
}

// A call that is allowed under conditions is in the last group: behind it the
// library looks for nothing.
func TestConditionsComeLast(t *testing.T) {
	profile, err := seccomp.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		t.Fatal(err)
	}
	here, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := policyOf(profile, here.SyscallNames)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Assemble(); err != nil {
		t.Error(err)
	}
	for i, group := range policy.Syscalls {
		if last := i == len(policy.Syscalls)-1; last != (len(group.NamesWithCondtions) > 0) || last && len(group.Names) > 0 {
			t.Errorf("group %d of %d: %d names, %d with conditions", i+1, len(policy.Syscalls), len(group.Names), len(group.NamesWithCondtions))
		}
	}
	if !slices.ContainsFunc(policy.Syscalls, func(g bpf.SyscallGroup) bool { return slices.Contains(g.Names, "openat") }) {
		t.Error("openat is not allowed")
	}
}
