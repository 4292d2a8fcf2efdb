package kernel

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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

// message is an acknowledgement as the kernel sends it.
func message(seq uint32, errno int32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, 36)
	b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_ERROR)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint32(b, uint32(errno))
	return append(b, make([]byte, 36-len(b))...)
}

func TestAnswers(t *testing.T) {
	got := map[uint32]error{}
	buffer := append(message(7, 0), message(8, -int32(unix.EEXIST))...)
	if err := answers(buffer, func(seq uint32, verdict error) { got[seq] = verdict }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[7] != nil || !errors.Is(got[8], unix.EEXIST) {
		t.Errorf("answers %v", got)
	}
	if err := answers(buffer[:40], func(uint32, error) {}); !errors.Is(err, errShort) {
		t.Errorf("a short message: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(message(1, -17))
	f.Add(append(message(1, 0), message(2, 0)[:20]...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = answers(b, func(uint32, error) {}) // no panic, no endless loop
	})
}
