package kernel

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

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

// changedSysctls are those that still have the value that we gave them.
func changedSysctls(r records) (all []leftovers.Sysctl) {
	for _, c := range slices.SortedFunc(maps.Values(r), byName) {
		if now, err := (sysctl{name: c.Name}).read(procSys); err == nil && now == c.Is {
			all = append(all, c)
		}
	}
	return all
}

func byName(a, b leftovers.Sysctl) int { return cmp.Compare(a.Name, b.Name) }

// restoreSysctls puts former values back and forgets them.
func (k *Kernel) restoreSysctls(changed []leftovers.Sysctl) error {
	var errs []error
	failed := map[string]bool{}
	for _, c := range changed {
		if err := (sysctl{c.Name, c.Was}).write(procSys, c.Is); err != nil {
			errs = append(errs, err)
			failed[c.Name] = true
		}
	}
	return errors.Join(append(errs, k.forget(func(c leftovers.Sysctl) bool { return !isTimeout(c.Name) && !failed[c.Name] }))...)
}

// forget takes out of the record what has been put back, or is not ours any more.
func (k *Kernel) forget(done func(leftovers.Sysctl) bool) error {
	r, err := readRecords(k.cfg.Record)
	if err != nil {
		return err
	}
	maps.DeleteFunc(r, func(_ string, c leftovers.Sysctl) bool { return done(c) })
	return r.write(k.cfg.Record)
}
