package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

func TestEnsure(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net/ipv4/vs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conntrack")
	wanted := []Sysctl{{"net.ipv4.vs.conntrack", "1"}}
	var noted []leftovers.Sysctl
	note := func(changes []leftovers.Sysctl) {
		if got, _ := os.ReadFile(path); string(got) != "0\n" {
			t.Errorf("noted when it was %q already", got)
		}
		noted = append(noted, changes...)
	}

	if _, err := ensure(root, wanted, note); err == nil || !strings.Contains(err.Error(), "sysctl net.ipv4.vs.conntrack has to be 1") {
		t.Errorf("a missing sysctl: %v; want its name and the wanted value", err)
	}
	write(t, path, "0\n")
	if _, err := ensure(root, wanted, note); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "1" {
		t.Errorf("holds %q after ensure", got)
	}
	// What is right is not written: a newline would be gone.
	write(t, path, "1\n")
	if _, err := ensure(root, wanted, note); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "1\n" {
		t.Error("a sysctl that was right has been written")
	}
	want := []leftovers.Sysctl{{Name: "net.ipv4.vs.conntrack", Was: "0", Is: "1"}}
	if diff := cmp.Diff(want, noted); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
}

// The value that was there before us outlives restarts and other settings.
func TestRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "sysctls.json")
	for _, changes := range [][]leftovers.Sysctl{
		nil,
		{{Name: "a", Was: "0", Is: "1"}, {Name: "b", Was: "5", Is: "1"}},
		{{Name: "a", Was: "7", Is: "1"}},
		{{Name: "b", Was: "1", Is: "2"}},
	} {
		if err := record(path, changes); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	want := records{"a": {Name: "a", Was: "0", Is: "1"}, "b": {Name: "b", Was: "5", Is: "2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	write(t, path, "{")
	if _, err := readRecords(path); err == nil {
		t.Error("half a file: no error")
	}
	if err := (records{}).write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("without records the file is there: %v", err)
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
		for _, s := range sysctls(c.strictARP, parseRelease(c.release)) {
			there = there || s.Name == c.want
		}
		if there != c.there {
			t.Errorf("Linux %s, strictARP %t: %s is set: %t, want %t", c.release, c.strictARP, c.want, there, c.there)
		}
	}
}
