package host

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// Records keeps the former values of what we have changed.
type Records struct {
	Path   string      // of the file; empty: they are not kept
	Failed func(error) // is told when it cannot be read or written; may be nil
}

// Timeout begins the names of IPVS' time-outs among records. No sysctl's name
// does.
const Timeout = "ipvs."

// Note records former values before they are overwritten. That this fails is
// told and keeps nothing from being written.
func (r Records) Note(changes []leftovers.Sysctl) { r.Tell(record(r.Path, changes)) }

// Tell tells of a record that failed.
func (r Records) Tell(err error) {
	if err != nil && r.Failed != nil {
		r.Failed(err)
	}
}

// Read answers what is recorded, by name.
func (r Records) Read() (map[string]leftovers.Sysctl, error) { return readRecords(r.Path) }

// records are the sysctls and time-outs that we have changed, by name, with
// their former values. They are kept in a file, so that a cleanup can put them back.
type records map[string]leftovers.Sysctl

// readRecords reads the file; one that is not there records nothing.
func readRecords(path string) (records, error) {
	r := records{}
	text, err := os.ReadFile(path)
	if path == "" || os.IsNotExist(err) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return nil, fmt.Errorf("read former sysctls: %w", err)
	}
	return r, nil
}

// write replaces the file at once; for no records there is none.
func (r records) write(path string) error {
	if len(r) == 0 {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// record notes former values before they are overwritten. What was recorded
// first is kept: it is what was there before us.
func record(path string, changes []leftovers.Sysctl) error {
	if path == "" || len(changes) == 0 {
		return nil
	}
	r, err := readRecords(path)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if first, known := r[c.Name]; known {
			c.Was = first.Was
		}
		r[c.Name] = c
	}
	if err := r.write(path); err != nil {
		return fmt.Errorf("record former sysctls: %w", err)
	}
	return nil
}

// Changed are the recorded sysctls that still have the value that we gave them.
func Changed(recorded map[string]leftovers.Sysctl) (all []leftovers.Sysctl) {
	for _, c := range slices.SortedFunc(maps.Values(recorded), ByName) {
		if now, err := (Sysctl{Name: c.Name}).Read(); err == nil && now == c.Is {
			all = append(all, c)
		}
	}
	return all
}

// ByName orders them.
func ByName(a, b leftovers.Sysctl) int { return cmp.Compare(a.Name, b.Name) }

// Restore puts former values of sysctls back and forgets them.
func (r Records) Restore(changed []leftovers.Sysctl) error {
	var errs []error
	failed := map[string]bool{}
	for _, c := range changed {
		if err := (Sysctl{c.Name, c.Was}).Write(c.Is); err != nil {
			errs = append(errs, err)
			failed[c.Name] = true
		}
	}
	return errors.Join(append(errs, r.Forget(func(name string) bool {
		return !strings.HasPrefix(name, Timeout) && !failed[name]
	}))...)
}

// Forget takes out of the record what has been put back, or is not ours any more.
func (r Records) Forget(done func(name string) bool) error {
	left, err := readRecords(r.Path)
	if err != nil {
		return err
	}
	maps.DeleteFunc(left, func(name string, _ leftovers.Sysctl) bool { return done(name) })
	return left.write(r.Path)
}
