package ipsettest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Create is Client.Create.
func (f *Fake) Create(s ipset.Set) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.begin(Create, s.Name)
	if err == nil {
		err = f.create(s)
	}
	if err != nil {
		return fmt.Errorf("create set %s: %w", s, err)
	}
	return nil
}

func (f *Fake) create(s ipset.Set) error {
	have, err := f.find(s.Name)
	switch {
	case err == nil && have.Set == s:
		return nil
	case err == nil:
		return fmt.Errorf("%w: it is %s", ipset.ErrMismatch, have.Set)
	case !errors.Is(err, ipset.ErrNotExist):
		return err
	case s.Type < ipset.HashIP || s.Type > ipset.HashNet:
		return errors.New("invalid type")
	case s.Family != ipset.IPv4 && s.Family != ipset.IPv6:
		return errors.New("invalid family")
	}
	f.sets[s.Name] = &set{Set: s, entries: map[ipset.Entry]struct{}{}}
	return nil
}

// Destroy is Client.Destroy.
func (f *Fake) Destroy(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.begin(Destroy, name)
	if err == nil {
		_, err = f.find(name)
	}
	if err == nil && f.holds[name] > 0 {
		err = ipset.ErrBusy
	}
	if err != nil && !errors.Is(err, ipset.ErrNotExist) {
		return fmt.Errorf("destroy set %s: %w", name, err)
	}
	delete(f.sets, name)
	return nil
}

// Swap is Client.Swap. A Hold is on the name, and stays there.
func (f *Fake) Swap(a, b string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.begin(Swap, a)
	if err == nil {
		err = f.swap(a, b)
	}
	if err != nil {
		return fmt.Errorf("swap sets %s and %s: %w", a, b, err)
	}
	return nil
}

func (f *Fake) swap(a, b string) error {
	first, err1 := f.find(a)
	second, err2 := f.find(b)
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	if first.Type != second.Type || first.Family != second.Family {
		return ipset.ErrMismatch
	}
	f.sets[a], f.sets[b] = second, first
	first.Name, second.Name = b, a
	return nil
}

// Sets is Client.Sets.
func (f *Fake) Sets() ([]ipset.Set, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(Sets, ""); err != nil {
		return nil, fmt.Errorf("list sets: %w", err)
	}
	var sets []ipset.Set
	for _, name := range slices.Sorted(maps.Keys(f.sets)) {
		sets = append(sets, f.sets[name].Set)
	}
	return sets, nil
}

// Members is Client.Members.
func (f *Fake) Members(name string) ([]ipset.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name)
	if err := cmp.Or(f.begin(Members, name), err); err != nil {
		return nil, fmt.Errorf("list members of set %s: %w", name, err)
	}
	return slices.Collect(maps.Keys(s.entries)), nil
}

// Add is Client.Add.
func (f *Fake) Add(set string, entries []ipset.Entry) []error {
	return f.change(Add, set, entries)
}

// Remove is Client.Remove.
func (f *Fake) Remove(set string, entries []ipset.Entry) []error {
	return f.change(Remove, set, entries)
}

var prepositions = map[Verb]string{Add: "to", Remove: "from"}

func (f *Fake) change(verb Verb, name string, entries []ipset.Entry) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[verb]++
	errs := make([]error, len(entries))
	for i, e := range entries {
		err := f.judge(Deed{Verb: verb, Set: name, Entry: e})
		if err == nil {
			err = f.changeOne(verb, name, e)
		}
		if err != nil {
			errs[i] = fmt.Errorf("%s %s %s set %s: %w", verb, e, prepositions[verb], name, err)
		}
	}
	return errs
}

func (f *Fake) changeOne(verb Verb, name string, e ipset.Entry) error {
	s, err := f.find(name)
	if err != nil {
		return err
	}
	if err := s.Accepts(e); err != nil {
		return err
	}
	if verb == Remove {
		delete(s.entries, e)
		return nil
	}
	if _, there := s.entries[e]; !there && len(s.entries) >= int(s.MaxEntries) {
		return ipset.ErrFull
	}
	s.entries[e] = struct{}{}
	return nil
}

// find refuses the names that the kernel's policy refuses.
func (f *Fake) find(name string) (*set, error) {
	if len(name) > 31 {
		return nil, syscall.EINVAL
	}
	if s := f.sets[name]; s != nil {
		return s, nil
	}
	return nil, ipset.ErrNotExist
}
