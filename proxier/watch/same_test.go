package watch

import (
	"math/rand/v2"
	"testing"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// What is compared by hand is all that trim leaves: the answer is that of a
// comparison of everything.
func TestSameEndpoint(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	same := 0
	for range 20_000 {
		pair := discovery.EndpointSlice{Endpoints: []discovery.Endpoint{randomEndpoint(random), randomEndpoint(random)}}
		if random.IntN(2) == 0 {
			pair.Endpoints[1] = *pair.Endpoints[0].DeepCopy()
		}
		trimSlice(&pair)
		a, b := pair.Endpoints[0], pair.Endpoints[1]
		want := equality.Semantic.DeepEqual(a, b)
		if got := sameEndpoint(a, b); got != want {
			t.Fatalf("%+v\n%+v\nsame: %t, want %t", a, b, got, want)
		}
		if want {
			same++
		}
	}
	if same == 0 || same == 20_000 {
		t.Errorf("%d of 20,000 were the same", same)
	}
}

// randomEndpoint has one of two values, or none, in a few of its fields.
func randomEndpoint(random *rand.Rand) (e discovery.Endpoint) {
	flag := func() *bool {
		return [...]*bool{nil, nil, nil, new(true), new(false)}[random.IntN(5)]
	}
	word := func() *string {
		return [...]*string{nil, nil, nil, new("a"), new("b")}[random.IntN(5)]
	}
	e.Addresses = [...][]string{nil, {}, {"10.0.0.1"}, {"10.0.0.1", "10.0.0.2"}}[random.IntN(4)]
	e.Conditions = discovery.EndpointConditions{Ready: flag(), Serving: flag(), Terminating: flag()}
	e.NodeName, e.Hostname, e.Zone = word(), word(), word()
	switch random.IntN(4) {
	case 0:
		e.Hints = &discovery.EndpointHints{}
	case 1:
		e.Hints = &discovery.EndpointHints{ForZones: []discovery.ForZone{{Name: "a"}}}
	case 2:
		e.Hints = &discovery.EndpointHints{ForNodes: []discovery.ForNode{{Name: "a"}}}
	}
	return e
}
