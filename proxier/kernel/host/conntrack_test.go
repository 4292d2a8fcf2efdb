package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// A39, A40: what is asked for per core is bounded, the least is not.
func TestConntrackLimit(t *testing.T) {
	for _, c := range []struct{ perCore, least, cores, want int }{
		{32768, 131072, 1, 131072},
		{32768, 131072, 8, 262144},
		{32768, 131072, 64, 1 << 20},
		{32768, 4 << 20, 64, 1 << 20},
		{32768, 4 << 20, 2, 4 << 20},
		{0, 131072, 8, 0},
	} {
		if got := (Conntrack{MaxPerCore: c.perCore, Min: c.least}).limit(c.cores); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A39 to A46: only what is different is written, and zero leaves everything.
func TestConntrackSettings(t *testing.T) {
	const dir, hash = "proc/sys/net/netfilter/nf_conntrack_", "sys/module/nf_conntrack/parameters/hashsize"
	before := map[string]string{
		dir + "max": "200000", hash: "1000", dir + "tcp_timeout_established": "432000", dir + "tcp_timeout_close_wait": "60",
		dir + "udp_timeout": "30", dir + "udp_timeout_stream": "120", dir + "tcp_be_liberal": "0",
	}
	for _, c := range []struct {
		name   string
		ask    Conntrack
		change map[string]string
	}{
		{"nothing", Conntrack{Min: 1 << 20}, nil},
		{"a smaller table", Conntrack{MaxPerCore: 1000, Min: 4000}, nil},
		{"a larger table", Conntrack{MaxPerCore: 131072}, map[string]string{dir + "max": "262144", hash: "65536"}},
		{"all the rest", Conntrack{Established: 24 * time.Hour, CloseWait: time.Hour, UDP: time.Minute, UDPStream: 2 * time.Minute, BeLiberal: true}, map[string]string{
			dir + "tcp_timeout_established": "86400", dir + "tcp_timeout_close_wait": "3600", dir + "udp_timeout": "60", dir + "tcp_be_liberal": "1",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, value := range before {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			former := map[string]string{}
			warnings, err := c.ask.ensure(root, 2, func(all []leftovers.Sysctl) {
				for _, s := range all {
					former[s.Name] = s.Was
				}
			})
			if err != nil || warnings != nil {
				t.Errorf("%q, %v", warnings, err)
			}
			for name := range c.change {
				if was := former[dotted(name)]; name != hash && was != before[name] {
					t.Errorf("%s was %q; noted is %q", name, before[name], was)
				}
			}
			changed := map[string]string{}
			for name, value := range before {
				now, err := os.ReadFile(filepath.Join(root, name))
				if err != nil {
					t.Fatal(err)
				}
				if string(now) != value+"\n" {
					changed[name] = string(now)
				}
			}
			if diff := cmp.Diff(c.change, changed); diff != "" && len(c.change)+len(changed) > 0 {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}

// dotted is the sysctl in a file.
func dotted(path string) string {
	return strings.ReplaceAll(strings.TrimPrefix(path, "proc/sys/"), "/", ".")
}

func TestConntrackThatIsNotThere(t *testing.T) {
	_, err := Conntrack{MaxPerCore: 1, UDP: time.Second}.ensure(t.TempDir(), 1, func([]leftovers.Sysctl) {})
	if err == nil || !strings.Contains(err.Error(), "nf_conntrack_max") || !strings.Contains(err.Error(), "nf_conntrack_udp_timeout") {
		t.Errorf("%v", err)
	}
}

func TestOnlineCores(t *testing.T) {
	for text, want := range map[string]int{"0-3\n": 4, "0\n": 1, "0-1,4,6-7\n": 5, "": 1} {
		file := filepath.Join(t.TempDir(), "online")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := onlineCores(file); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}
