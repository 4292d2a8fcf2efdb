package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// Sysctl is one setting under /proc/sys.
type Sysctl struct{ Name, Want string }

// vital tells whether nothing works without it.
func (s Sysctl) vital() bool {
	return s.Name == "net.ipv4.vs.conntrack" || s.Name == "net.ipv4.ip_forward"
}

const procSys = "/proc/sys"

func (s Sysctl) path(root string) string { return filepath.Join(root, swapped.Replace(s.Name)) }

// swapped makes a path of a sysctl's name, in which a dot of the path is a slash.
var swapped = strings.NewReplacer(".", "/", "/", ".")

// DeviceWord is the name of a device within that of a sysctl.
func DeviceWord(device string) string { return strings.ReplaceAll(device, ".", "/") }

// Read is the value that it has.
func (s Sysctl) Read() (value string, err error) { return s.read(procSys) }

// Write puts the wanted value in the place of another.
func (s Sysctl) Write(now string) error { return s.write(procSys, now) }

func (s Sysctl) read(root string) (value string, err error) {
	now, err := os.ReadFile(s.path(root))
	if err != nil {
		return "", fmt.Errorf("sysctl %s has to be %s: %w", s.Name, s.Want, err)
	}
	return strings.TrimSpace(string(now)), nil
}

func (s Sysctl) write(root, now string) error {
	if err := os.WriteFile(s.path(root), []byte(s.Want), 0); err != nil {
		return fmt.Errorf("sysctl %s is %s and has to be %s: %w", s.Name, now, s.Want, err)
	}
	return nil
}

// ensure writes those settings that are different, and before that has their
// former values noted. That they cannot be noted keeps nothing from being
// written. It tells how many it has written.
func ensure(root string, wanted []Sysctl, note func([]leftovers.Sysctl)) (written int, err error) {
	var errs []error
	var due []leftovers.Sysctl
	for _, s := range wanted {
		now, err := s.read(root)
		switch {
		case err != nil:
			errs = append(errs, err)
		case now != s.Want:
			due = append(due, leftovers.Sysctl{Name: s.Name, Was: now, Is: s.Want})
		}
	}
	if len(due) > 0 {
		note(due)
	}
	for _, d := range due {
		if err := (Sysctl{d.Name, d.Is}).write(root, d.Was); err != nil {
			errs = append(errs, err)
			continue
		}
		written++
	}
	return written, errors.Join(errs...)
}
