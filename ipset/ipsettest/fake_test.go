package ipsettest

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

func TestFakeContract(t *testing.T) {
	Contract(t, func(t *testing.T) (Subject, func(string)) {
		f := New()
		return f, func(set string) {
			if err := f.Hold(set); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestFakeString(t *testing.T) {
	f := filled(t)
	want := `A hash:ip inet maxelem 3
A 10.0.0.1
A 10.0.0.2
B hash:ip,port inet maxelem 3
B 10.96.0.0,tcp:80
`
	if diff := cmp.Diff(want, f.String()); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestFakeHold(t *testing.T) {
	f := filled(t)
	if err := f.Hold("C"); !errors.Is(err, ipset.ErrNotExist) {
		t.Errorf("holding an absent set: %v", err)
	}
	for range 2 {
		if err := f.Hold("A"); err != nil {
			t.Fatal(err)
		}
	}
	f.Release("A")
	if err := f.Destroy("A"); !errors.Is(err, ipset.ErrBusy) {
		t.Errorf("destroying a held set: %v", err)
	}
	f.Release("A")
	if err := f.Destroy("A"); err != nil {
		t.Errorf("destroying a set held no more: %v", err)
	}
}

func TestFakeFail(t *testing.T) {
	f := filled(t)
	before := f.String()
	broken := errors.New("broken")
	f.Fail(func(d Deed) error {
		if d.Verb == Add && d.Entry != services(3)[1] {
			return nil
		}
		return broken
	})
	_, errSets := f.Sets()
	_, errMembers := f.Members("A")
	for verb, err := range map[Verb]error{
		Create:  f.Create(ipset.Set{Name: "C", Type: ipset.HashIP, Family: ipset.IPv4}),
		Destroy: f.Destroy("A"),
		Swap:    f.Swap("A", "A"),
		Sets:    errSets,
		Members: errMembers,
		Remove:  f.Remove("B", services(1))[0],
	} {
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if after := f.String(); after != before {
		t.Errorf("failed deeds changed\n%s to\n%s", before, after)
	}
	for i, err := range f.Add("B", services(3)) {
		if errors.Is(err, broken) != (i == 1) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	f.Fail(nil)
	if err := f.Destroy("A"); err != nil {
		t.Error(err)
	}
}

func TestFakeCalls(t *testing.T) {
	f := filled(t)
	want := map[Verb]int{Create: 2, Add: 2}
	if got := f.Calls(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := f.Calls(); len(got) != 0 {
		t.Errorf("calls counted twice: %v", got)
	}
}

func filled(t *testing.T) *Fake {
	t.Helper()
	f := New()
	err := errors.Join(
		f.Create(ipset.Set{Name: "B", Type: ipset.HashIPPort, Family: ipset.IPv4, MaxEntries: 3}),
		f.Create(ipset.Set{Name: "A", Type: ipset.HashIP, Family: ipset.IPv4, MaxEntries: 3}),
		errors.Join(f.Add("B", services(1))...),
		errors.Join(f.Add("A", ips("10.0.0.2", "10.0.0.1"))...),
	)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
