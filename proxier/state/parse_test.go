package state_test

import (
	"encoding"
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Rows travel as their lines, and are the same rows when they have arrived.
func TestRowsTravelAsLines(t *testing.T) {
	rows := everyKind()
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	if err := json.Unmarshal(text, &lines); err != nil || cmp.Diff(rows.Lines(), lines) != "" {
		t.Errorf("%s, %v", text, err)
	}
	var got state.Rows
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("%v\n%swant\n%s", err, got, rows)
	}
	if text, err := json.Marshal(state.NewRows()); err != nil || string(text) != "[]" {
		t.Errorf("no rows are %s, %v", text, err)
	}
}

// A row that cannot be read is an error: a short answer would look like a
// difference.
func TestWhatIsNoRowIsAnError(t *testing.T) {
	for _, line := range []string{
		"", "member", "route 10.0.0.0/8", "address here", "address 10.0.0.0/8",
		"member KUBE-CLUSTER-IP 10.96.0.1,tcp:80", "member KIPVS-SERVICES 10.96.0.1", "member KIPVS6-SERVICES 10.96.0.1,tcp:80",
		"virtual server 10.96.0.1:80/TCP", "virtual server 10.96.0.1:80/TCP rr affinity soon", "virtual server 10.96.0.1:80/TCP rr often",
		"virtual server 10.96.0.1:80/TCP rr affinity 1ms", "virtual server 10.96.0.1/TCP rr", "virtual server 10.96.0.1:80/ICMP rr",
		"real server 10.96.0.1:80/TCP -> 10.1.2.3:8080", "real server 10.96.0.1:80/TCP weight 1", "real server 10.96.0.1:80/TCP -> 10.1.2.3 weight 1",
		"real server 10.96.0.1:80/TCP -> 10.1.2.3:8080 weight much",
		"health port 0.0.0.0:32000 shop/cart", "health port 0.0.0.0:32000 cart 2 local", "health port 0.0.0.0 shop/cart 2 local",
	} {
		text, err := json.Marshal([]string{line})
		if err != nil {
			t.Fatal(err)
		}
		var rows state.Rows
		if err := json.Unmarshal(text, &rows); err == nil {
			t.Errorf("%q is read as %q", line, rows)
		}
	}
}

func TestRowsThatDiffer(t *testing.T) {
	rows, other := everyKind(), everyKind()
	if left := rows.Without(other); !left.IsZero() {
		t.Errorf("the same rows differ by\n%s", left)
	}
	vs := server("10.96.0.1:80", state.TCP)
	other.VirtualServers[vs] = state.Balancing{Scheduler: "lc"}
	delete(other.Addresses, netip.MustParseAddr("fd00::1"))
	const want = "address fd00::1\nvirtual server 10.96.0.1:80/TCP mh fallback,port affinity 3h0m0s\n"
	if got := rows.Without(other).String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	other.Add(rows)
	if left := other.Without(rows); !left.IsZero() {
		t.Errorf("the other's values do not count:\n%s", left)
	}
}

// Whatever can be read means the same when it is written and read again.
func FuzzText(f *testing.F) {
	for _, line := range everyKind().Lines() {
		f.Add(line)
	}
	for _, text := range []string{"rr affinity 3h0m0s", "mh fallback,port,0x40", "weight 1", "10.96.0.1:80/TCP -> 10.1.2.3:8080", "shop/cart 2 local", "KIPVS-PODS 10.0.0.0/8"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again(t, text, new(state.VirtualServer), new(state.VirtualServer))
		again(t, text, new(state.Balancing), new(state.Balancing))
		again(t, text, new(state.RealServer), new(state.RealServer))
		again(t, text, new(state.Weight), new(state.Weight))
		again(t, text, new(state.Member), new(state.Member))
		again(t, text, new(state.Ready), new(state.Ready))
	})
}

type row interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

func again(t *testing.T, text string, first, second row) {
	t.Helper()
	if first.UnmarshalText([]byte(text)) != nil {
		return
	}
	written, err := first.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := second.UnmarshalText(written); err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("%q is written as %q and is then %+v, not %+v: %v", text, written, second, first, err)
	}
}
