package crowd

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// Each change replaces exactly one endpoint, and no address is used twice.
func TestEndpointsChangeOneByOne(t *testing.T) {
	const n = 10
	before := endpoints(3, n, 0)
	for changed := 1; changed < 3*n; changed++ {
		now := endpoints(3, n, changed)
		differ := 0
		for e := range now {
			if now[e] != before[e] {
				differ++
			}
		}
		if differ != 1 {
			t.Errorf("change %d: %d endpoints differ, want 1", changed, differ)
		}
		before = now
	}
}

func TestEndpointsAreDistinct(t *testing.T) {
	seen := map[string]string{}
	for _, i := range []int{0, 1, 654, 655, 656, 9999, mostServices - 1} {
		for generation := range generations {
			for e := range mostEndpoints {
				a, who := endpoint(i, e, generation).String(), fmt.Sprint(i, generation, e)
				if seen[a] != "" {
					t.Fatalf("%s is both %s and %s", a, seen[a], who)
				}
				seen[a] = who
			}
		}
	}
	if _, ok := seen["100.64.0.0"]; !ok {
		t.Error("the first address is not used")
	}
	if last := endpoint(mostServices-1, mostEndpoints-1, generations-1); last.As4()[1] > 127 {
		t.Errorf("%s is beyond 100.64.0.0/10", last)
	}
}

func TestTheLastProbeIsTheLastByName(t *testing.T) {
	for _, n := range []int{100, 1000, 10000} {
		names := []string{probeName(probes-1, n)}
		for i := range n {
			names = append(names, crowdName(i))
		}
		if last := slices.Max(names); last != names[0] {
			t.Errorf("of %d the last is %s", n, last)
		}
	}
}

// The API holds what the size says, whatever it held before.
func TestBecome(t *testing.T) {
	ctx := t.Context()
	c := &Crowd{api: fake.NewClientset()}
	for _, size := range []figures.Size{{Services: 20, Endpoints: 2}, {Services: 40, Endpoints: 2}, {Services: 40, Endpoints: 5}, {Services: 10, Endpoints: 1}} {
		all, err := c.Become(ctx, size, "10.244.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != probes || all[probes-1].Name != probeName(probes-1, size.Services) {
			t.Errorf("%s: probes %v", size, all)
		}
		slices, err := c.api.DiscoveryV1().EndpointSlices(space).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		services, err := c.api.CoreV1().Services(space).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range slices.Items {
			n += len(s.Endpoints)
		}
		if want := size.All() + probes; n != want || len(services.Items) != size.Services+probes {
			t.Errorf("%s: %d Services with %d endpoints, want %d", size, len(services.Items), n, want)
		}
		if _, err := c.Churn(ctx, desk.Churn{Rate: 1000, For: 30 * time.Millisecond}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Become(ctx, figures.Size{Services: 15, Endpoints: 1}, ""); err == nil {
		t.Error("15 Services for 10 probes: want an error")
	}
}

func TestChurnKeepsItsRate(t *testing.T) {
	c := &Crowd{api: fake.NewClientset()}
	if _, err := c.Become(t.Context(), figures.Size{Services: 10, Endpoints: 3}, "10.244.2.1"); err != nil {
		t.Fatal(err)
	}
	done, err := c.Churn(t.Context(), desk.Churn{Rate: 200, For: 100 * time.Millisecond})
	if err != nil || done.Changes != 20 {
		t.Errorf("%+v, %v; want 20 changes", done, err)
	}
	if done.Took < 90*time.Millisecond {
		t.Errorf("20 changes at 200 a second took %s", done.Took)
	}
	changed := 0
	for i := range c.changed {
		changed += int(c.changed[i].Load())
	}
	if changed != 20 {
		t.Errorf("%d changes of Services, want 20", changed)
	}
}
