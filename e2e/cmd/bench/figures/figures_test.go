package figures

import (
	"testing"
)

func TestPercentiles(t *testing.T) {
	hundred := make(Samples, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tc := range []struct {
		s    Samples
		p    float64
		want float64
	}{
		{nil, 50, 0},
		{Samples{7}, 1, 7},
		{Samples{7}, 99, 7},
		{Samples{2, 1}, 50, 1},
		{Samples{2, 1}, 51, 2},
		{Samples{3, 1, 2}, 50, 2},
		{Samples{3, 1, 2}, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
		{hundred[:50], 99, 100}, // of fifty, the 99th percentile is the worst
	} {
		if got := tc.s.P(tc.p); got != tc.want {
			t.Errorf("P(%v) of %d samples: %v, want %v", tc.p, len(tc.s), got, tc.want)
		}
	}
	if s := (Samples{3, 1, 2}); s.P(50) != 2 || s[0] != 3 {
		t.Errorf("samples lost their order: %v", s)
	}
}

func TestGrowth(t *testing.T) {
	for _, tc := range []struct {
		latency Samples
		want    float64
	}{
		{nil, 1},
		{Samples{1, 9}, 1},
		{Samples{2, 5, 6}, 3},
		{Samples{4, 4, 9, 9, 4, 4}, 1},
		{Samples{4, 4, 9, 9, 2, 2}, 0.5},
	} {
		if got := (Churn{Latency: tc.latency}).Growth(); got != tc.want {
			t.Errorf("growth of %v: %v, want %v", tc.latency, got, tc.want)
		}
	}
}

func TestPutReplacesAndSorts(t *testing.T) {
	var r Run
	small, wide := Size{100, 10}, Size{5000, 50}
	for _, c := range []Cell{
		{Proxy: KubeIPVS, Size: wide},
		{Proxy: IPVS, Size: small},
		{Proxy: KubeIPVS, Size: Size{10000, 10}},
		{Proxy: KubeIPVS, Size: small, Version: "old"},
		{Proxy: KubeIPVS, Size: small, Version: "new"},
	} {
		r.Put(c)
	}
	var names []string
	for _, c := range r.Cells {
		names = append(names, c.Name())
	}
	want := []string{"kube-ipvs, 100 × 10", "kube-proxy ipvs, 100 × 10", "kube-ipvs, 10,000 × 10", "kube-ipvs, 5,000 × 50"}
	if len(names) != len(want) {
		t.Fatalf("%q, want %q", names, want)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("%q, want %q", names, want)
		}
	}
	if c, ok := r.Cell(KubeIPVS, small); !ok || c.Version != "new" {
		t.Errorf("cell %+v, want the new one", c)
	}
	if _, ok := r.Cell(NFTables, small); ok {
		t.Error("a cell that was not measured")
	}
	if s := r.Sizes(); len(s) != 3 || s[0] != small || s[2] != wide {
		t.Errorf("sizes %v", s)
	}
}
