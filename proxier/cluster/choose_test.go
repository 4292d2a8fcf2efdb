package cluster

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// endpoint reads "1 ready local zones=a,b nodes=n1": the address 10.1.0.1, and
// what is true of it. Ready implies serving.
func endpoint(text string) Endpoint {
	words := strings.Fields(text)
	e := Endpoint{Addr: netip.MustParseAddrPort("10.1.0." + words[0] + ":80")}
	for _, w := range words[1:] {
		key, values, _ := strings.Cut(w, "=")
		switch key {
		case "ready":
			e.Ready, e.Serving = true, true
		case "serving":
			e.Serving = true
		case "terminating":
			e.Terminating = true
		case "local":
			e.Local = true
		case "zones":
			e.Zones = strings.Split(values, ",")
		case "nodes":
			e.Nodes = strings.Split(values, ",")
		default:
			panic("no such word: " + w)
		}
	}
	return e
}

// numbers are the last parts of the addresses.
func numbers(endpoints []Endpoint) string {
	var all []string
	for _, e := range endpoints {
		all = append(all, fmt.Sprint(e.Addr.Addr().As4()[3]))
	}
	return strings.Join(all, " ")
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name           string
		node, zone     string
		endpoints      string // one a semicolon
		cluster, local string
	}{
		{name: "none at all"},
		{name: "B54 ready ones", endpoints: "1 ready; 2 ready local; 3 serving; 4", cluster: "1 2", local: "2"},
		{name: "B54 ready as reported, even if terminating", endpoints: "1 ready terminating; 2 serving terminating", cluster: "1"},
		{name: "B54 terminating ones stay out while one is ready", endpoints: "1 serving terminating local; 2 ready local", cluster: "2", local: "2"},
		{name: "B54 all terminating", endpoints: "1 serving terminating local; 2 serving terminating; 3 terminating", cluster: "1 2", local: "1"},
		{name: "B54 each list falls back for itself", endpoints: "1 ready; 2 serving terminating local", cluster: "1", local: "2"},
		{name: "B54 not ready is not used, nor is serving enough", endpoints: "1 local; 2 serving local", cluster: "", local: ""},
		{name: "B54 terminating without serving is the end", endpoints: "1 terminating local", cluster: "", local: ""},
		{name: "B82 no local ones", endpoints: "1 ready; 2 ready", cluster: "1 2", local: ""},

		{name: "B81 all local", endpoints: "1 ready local; 2 ready local", cluster: "1 2", local: "1 2"},
		{name: "B82 all elsewhere and terminating", endpoints: "1 serving terminating; 2 serving terminating", cluster: "1 2", local: ""},
		{name: "B134 zone and node do not agree", zone: "a", endpoints: "1 ready local zones=b; 2 ready zones=a; 3 ready zones=b", cluster: "2", local: "1"},

		{name: "B131 own zone", zone: "a", endpoints: "1 ready zones=a; 2 ready zones=b; 3 ready zones=b,a", cluster: "1 3"},
		{name: "B132 one hint is missing", zone: "a", endpoints: "1 ready zones=a; 2 ready; 3 ready zones=b", cluster: "1 2 3"},
		{name: "B132 no hint for our zone", zone: "c", endpoints: "1 ready zones=a; 2 ready zones=b", cluster: "1 2"},
		{name: "B132 our zone is unknown", endpoints: "1 ready zones=a; 2 ready zones=b", cluster: "1 2"},
		{name: "B132 our zone is unknown and there is a hint for it", endpoints: "1 ready zones=a; 2 ready zones=", cluster: "1 2"},
		{name: "B130 a hint is missing on one that is not ready", zone: "a", endpoints: "1 ready zones=a; 2; 3 ready zones=b", cluster: "1"},
		{name: "B130 only those not ready mean our zone", zone: "a", endpoints: "1 zones=a; 2 ready zones=b; 3 ready zones=c", cluster: "2 3"},
		{name: "B130 own node", node: "n1", zone: "a", endpoints: "1 ready nodes=n1 zones=b; 2 ready nodes=n2 zones=a", cluster: "1"},
		{name: "B130 several nodes", node: "n1", endpoints: "1 ready nodes=n2,n1; 2 ready nodes=n2; 3 ready nodes=n1", cluster: "1 3"},
		{name: "B131 no hint for our node", node: "n3", zone: "a", endpoints: "1 ready nodes=n1 zones=a; 2 ready nodes=n2 zones=b", cluster: "1"},
		{name: "B132 node hints only, none ours", node: "n3", zone: "a", endpoints: "1 ready nodes=n1; 2 ready nodes=n2", cluster: "1 2"},
		{name: "B133 node hints incomplete", node: "n1", zone: "a", endpoints: "1 ready nodes=n1 zones=b; 2 ready zones=a", cluster: "2"},
		{name: "B133 both incomplete", node: "n1", zone: "a", endpoints: "1 ready nodes=n1; 2 ready zones=a", cluster: "1 2"},
		{name: "B134 local list", node: "n1", zone: "a", endpoints: "1 ready local nodes=n2 zones=b; 2 ready nodes=n1 zones=a", cluster: "2", local: "1"},
		{name: "B134 fallback", node: "n1", zone: "a", endpoints: "1 serving terminating local nodes=n1 zones=a; 2 serving terminating local nodes=n2 zones=b", cluster: "1 2", local: "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var endpoints []Endpoint
			for text := range strings.SplitSeq(c.endpoints, ";") {
				if strings.TrimSpace(text) != "" {
					endpoints = append(endpoints, endpoint(text))
				}
			}
			node := Node{Name: c.node, Zone: c.zone}
			if got := numbers(Choose(endpoints, Cluster, node)); got != c.cluster {
				t.Errorf("Cluster: got %q, want %q", got, c.cluster)
			}
			if got := numbers(Choose(endpoints, Local, node)); got != c.local {
				t.Errorf("Local: got %q, want %q", got, c.local)
			}
		})
	}
}

// model says the same as Choose, one endpoint at a time and without narrowing
// lists: an endpoint is used if no rule speaks against it.
func model(all []Endpoint, e Endpoint, policy Policy, node Node) bool {
	anyReady, everyNodeHint, everyZoneHint, ourNode, ourZone := false, true, true, false, false
	for _, o := range all {
		if !o.Ready || policy == Local && !o.Local {
			continue
		}
		anyReady = true
		everyNodeHint = everyNodeHint && len(o.Nodes) > 0
		everyZoneHint = everyZoneHint && len(o.Zones) > 0
		for _, n := range o.Nodes {
			ourNode = ourNode || n == node.Name
		}
		for _, z := range o.Zones {
			ourZone = ourZone || z == node.Zone
		}
	}
	if policy == Local && !e.Local {
		return false
	}
	if !anyReady {
		return e.Terminating && e.Serving
	}
	if !e.Ready {
		return false
	}
	if policy == Local {
		return true
	}
	if everyNodeHint && ourNode {
		return strings.Contains(strings.Join(e.Nodes, " "), node.Name)
	}
	if everyZoneHint && ourZone {
		return strings.Contains(strings.Join(e.Zones, " "), node.Zone)
	}
	return true
}

func TestChooseAgreesWithTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(54, 130))
	chance := func(percent int) bool { return rng.IntN(100) < percent }
	names := func(likely int, all ...string) (some []string) {
		for _, name := range all {
			if chance(likely) {
				some = append(some, name)
			}
		}
		return some
	}
	for round := range 20000 {
		// The odds change with each round, so that "all" and "none" are met often.
		ready, local, serving, terminating := rng.IntN(101), rng.IntN(101), rng.IntN(101), rng.IntN(101)
		nodes, zones := 40*rng.IntN(3), 40*rng.IntN(3)
		var all []Endpoint
		for i := range rng.IntN(6) {
			all = append(all, Endpoint{
				Addr:        netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 80),
				Ready:       chance(ready),
				Serving:     chance(serving),
				Terminating: chance(terminating),
				Local:       chance(local),
				Nodes:       names(nodes, "n1", "n2", "n3"),
				Zones:       names(zones, "za", "zb", "zc"),
			})
		}
		node := Node{Name: "n1", Zone: []string{"", "za", "zb"}[rng.IntN(3)]}
		before := slices.Clone(all)
		for _, policy := range []Policy{Cluster, Local} {
			var want []Endpoint
			for _, e := range all {
				if model(all, e, policy, node) {
					want = append(want, e)
				}
			}
			if got := Choose(all, policy, node); numbers(got) != numbers(want) {
				t.Fatalf("round %d, %s on %+v:\n%+v\ngot  %s\nwant %s", round, policy, node, all, numbers(got), numbers(want))
			}
		}
		if numbers(all) != numbers(before) {
			t.Fatalf("round %d: Choose has changed its argument", round)
		}
	}
}
