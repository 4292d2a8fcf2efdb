package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// sysctl is one setting under /proc/sys.
type sysctl struct{ name, want string }

// vital tells whether nothing works without it.
func (s sysctl) vital() bool {
	return s.name == "net.ipv4.vs.conntrack" || s.name == "net.ipv4.ip_forward"
}

// sysctls are the settings that traffic through IPVS needs.
func sysctls(cfg Config, kernel version) []sysctl {
	all := []sysctl{
		{"net.ipv4.vs.conntrack", "1"},                 // without it nothing is masqueraded
		{"net.ipv4.vs.expire_nodest_conn", "1"},        // reset connections to a deleted real server, rather than go silent
		{"net.ipv4.vs.expire_quiescent_template", "1"}, // affinity leaves a real server of weight 0
		{"net.ipv4.ip_forward", "1"},
	}
	// Reuse of a client port would cost a second per connection (from 4.1),
	// which 5.9 has repaired.
	if kernel.atLeast(4, 1) && !kernel.atLeast(5, 9) {
		all = append(all, sysctl{"net.ipv4.vs.conn_reuse_mode", "0"})
	}
	if cfg.StrictARP {
		all = append(all, sysctl{"net.ipv4.conf.all.arp_ignore", "1"}, sysctl{"net.ipv4.conf.all.arp_announce", "2"})
	}
	return all
}

const procSys = "/proc/sys"

func (s sysctl) path(root string) string { return filepath.Join(root, swapped.Replace(s.name)) }

// swapped makes a path of a sysctl's name, in which a dot of the path is a slash.
var swapped = strings.NewReplacer(".", "/", "/", ".")

// sysctlWord is the name of a device within that of a sysctl.
func sysctlWord(device string) string { return strings.ReplaceAll(device, ".", "/") }

func (s sysctl) read(root string) (value string, err error) {
	now, err := os.ReadFile(s.path(root))
	if err != nil {
		return "", fmt.Errorf("sysctl %s has to be %s: %w", s.name, s.want, err)
	}
	return strings.TrimSpace(string(now)), nil
}

// write puts the wanted value in the place of another.
func (s sysctl) write(root, now string) error {
	if err := os.WriteFile(s.path(root), []byte(s.want), 0); err != nil {
		return fmt.Errorf("sysctl %s is %s and has to be %s: %w", s.name, now, s.want, err)
	}
	return nil
}

// ensure writes those settings that are different, and before that has their
// former values noted. That they cannot be noted keeps nothing from being
// written. It tells how many it has written.
func ensure(root string, wanted []sysctl, note func([]leftovers.Sysctl)) (written int, err error) {
	var errs []error
	var due []leftovers.Sysctl
	for _, s := range wanted {
		now, err := s.read(root)
		switch {
		case err != nil:
			errs = append(errs, err)
		case now != s.want:
			due = append(due, leftovers.Sysctl{Name: s.name, Was: now, Is: s.want})
		}
	}
	if len(due) > 0 {
		note(due)
	}
	for _, d := range due {
		if err := (sysctl{d.Name, d.Is}).write(root, d.Was); err != nil {
			errs = append(errs, err)
			continue
		}
		written++
	}
	return written, errors.Join(errs...)
}

// version is that of the running kernel.
type version struct{ major, minor int }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// parseRelease reads "6.1.0-56-amd64"; what it cannot read is version zero.
func parseRelease(text string) version {
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	ma, err1 := strconv.Atoi(major)
	mi, err2 := strconv.Atoi(strings.TrimRight(minor, "-abcdefghijklmnopqrstuvwxyz+"))
	if err1 != nil || err2 != nil {
		return version{}
	}
	return version{ma, mi}
}
