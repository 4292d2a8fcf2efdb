package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSysctl(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net/ipv4/vs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conntrack")
	s := sysctl{"net.ipv4.vs.conntrack", "1"}

	if err := s.ensure(root); err == nil || !strings.Contains(err.Error(), "sysctl net.ipv4.vs.conntrack has to be 1") {
		t.Errorf("a missing sysctl: %v; want its name and the wanted value", err)
	}
	write(t, path, "0\n")
	if err := s.ensure(root); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "1" {
		t.Errorf("holds %q after ensure", got)
	}
	// What is right is not written: a newline would be gone.
	write(t, path, "1\n")
	if err := s.ensure(root); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "1\n" {
		t.Error("a sysctl that was right has been written")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSysctlsFollowKernelAndConfig(t *testing.T) {
	for _, c := range []struct {
		release   string
		strictARP bool
		want      string
		there     bool
	}{
		{"6.1.0-56-amd64", false, "net.ipv4.vs.conn_reuse_mode", false},
		{"5.4.0", false, "net.ipv4.vs.conn_reuse_mode", true},
		{"5.9.0+", false, "net.ipv4.vs.conn_reuse_mode", false},
		{"4.0.1", false, "net.ipv4.vs.conn_reuse_mode", false},
		{"6.1.0", false, "net.ipv4.conf.all.arp_ignore", false},
		{"6.1.0", true, "net.ipv4.conf.all.arp_ignore", true},
		{"6.1.0", false, "net.ipv4.vs.conntrack", true},
	} {
		there := false
		for _, s := range sysctls(Config{StrictARP: c.strictARP}, parseRelease(c.release)) {
			there = there || s.name == c.want
		}
		if there != c.there {
			t.Errorf("Linux %s, strictARP %t: %s is set: %t, want %t", c.release, c.strictARP, c.want, there, c.there)
		}
	}
}
