package peercred

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestWhoIsAdmitted(t *testing.T) {
	for _, c := range []struct {
		uid  uint32
		own  int
		want bool
	}{{0, 0, true}, {0, 1000, true}, {1000, 1000, true}, {1000, 0, false}, {1001, 1000, false}} {
		if got := (Peer{User: c.uid}).admitted(c.own); got != c.want {
			t.Errorf("user %d at the socket of %d: %t", c.uid, c.own, got)
		}
	}
}

// procWith is a /proc of processes with capabilities, in user namespaces.
func procWith(t *testing.T, processes map[string][2]string) (proc string) {
	t.Helper()
	proc = t.TempDir()
	for name, p := range processes {
		dir := filepath.Join(proc, name, "ns")
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(proc, name, "status"), []byte("Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t"+p[0]+"\n"), 0o644)
		}
		if err == nil && p[1] != "" {
			err = os.Symlink("user:["+p[1]+"]", filepath.Join(dir, "user"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func TestWhoMayServe(t *testing.T) {
	const all, netAdmin, none, others = "000001ffffffffff", "0000000000001000", "0000000000000000", "00000000a80425fb"
	proc := procWith(t, map[string][2]string{
		"self": {netAdmin, "1"},
		"10":   {all, "1"}, "11": {netAdmin, "1"}, "12": {none, "1"}, "13": {others, "1"}, "14": {all, "2"}, "15": {all, ""},
	})
	for pid, want := range map[int]string{
		10: "yes", 11: "yes",
		12: "no", 13: "no", // root without the capability, as a container has it
		14: "no", // all capabilities in a user namespace of its own
		15: "not known", 16: "not known", 0: "not known",
	} {
		yes, known := Peer{PID: pid}.mayServe(proc)
		got := map[bool]string{true: "yes", false: "no"}[yes]
		if !known {
			got = "not known"
		}
		if got != want {
			t.Errorf("process %d may serve: %s, want %s", pid, got, want)
		}
	}
	// One who has not got it himself does not ask for it.
	alone := procWith(t, map[string][2]string{"self": {none, "1"}})
	if yes, known := (Peer{PID: 10}).mayServe(alone); !yes || !known {
		t.Errorf("asked by a process without capabilities: %t, %t", yes, known)
	}
}

func TestTheKernelNamesWhoListens(t *testing.T) {
	l, err := net.Listen("unix", fmt.Sprintf("@kube-ipvs-peer-test-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p, err := Of(conn)
	if want := fmt.Sprintf("process %d of user %d", os.Getpid(), os.Geteuid()); err != nil || p.String() != want || p.Refuse() != nil {
		t.Errorf("%s is at the other end, want %s: %v, %v", p, want, err, p.Refuse())
	}
}
