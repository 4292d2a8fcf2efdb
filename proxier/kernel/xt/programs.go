package xt

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// ProgramName is "ip6tables-legacy-save"; without a backend "ip6tables-save".
func ProgramName(f ipset.Family, b leftovers.Backend, verb string) string {
	name := "iptables-"
	if f == ipset.IPv6 {
		name = "ip6tables-"
	}
	if b != "" {
		name += string(b) + "-"
	}
	return name + verb
}

// Program finds the program of a backend: the one that has it in its name,
// else the plain one where that says it works with this backend.
func Program(ctx context.Context, where leftovers.Where, verb string) (path string, err error) {
	own := ProgramName(where.Family, where.Backend, verb)
	if path, err = exec.LookPath(own); err == nil {
		return path, nil
	}
	plain := ProgramName(where.Family, "", verb)
	if path, err = exec.LookPath(plain); err != nil {
		return "", fmt.Errorf("neither %s nor %s is on the PATH", own, plain)
	}
	var out bytes.Buffer
	if err := host.Run(ctx, &out, path, "", "--version"); err != nil {
		return "", err
	}
	if BackendOf(out.String()) != where.Backend {
		return "", fmt.Errorf("no %s on the PATH, and %s is of the other backend", own, plain)
	}
	return path, nil
}

// BackendOf reads "iptables-save v1.8.9 (nf_tables)"; before 1.8 there was one
// backend and nothing in brackets.
func BackendOf(version string) leftovers.Backend {
	if strings.Contains(version, "(nf_tables)") {
		return leftovers.NFT
	}
	return leftovers.Legacy
}

// LegacyTables tells whether the legacy backend has any table in this network
// namespace. Asking iptables-legacy would make them.
func LegacyTables(f ipset.Family) (bool, error) {
	names := "/proc/thread-self/net/ip_tables_names"
	if f == ipset.IPv6 {
		names = "/proc/thread-self/net/ip6_tables_names"
	}
	text, err := os.ReadFile(names)
	if err != nil && !os.IsNotExist(err) {
		return false, err
	}
	return len(bytes.TrimSpace(text)) > 0, nil
}
