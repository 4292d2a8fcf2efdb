package cluster

import "slices"

// Choose picks from endpoints, which are all of one family, those that
// traffic of this policy may reach from this node: the ready ones, near ones
// if there are hints. Only if none is ready, those that still serve while they
// terminate. It leaves endpoints as they are and keeps their order.
func Choose(endpoints []Endpoint, policy Policy, node Node) []Endpoint {
	if policy == Local {
		endpoints = keep(endpoints, func(e Endpoint) bool { return e.Local })
	}
	ready := keep(endpoints, func(e Endpoint) bool { return e.Ready })
	switch {
	case len(ready) == 0:
		return keep(endpoints, func(e Endpoint) bool { return e.Serving && e.Terminating })
	case policy == Local:
		return ready
	}
	return near(ready, node)
}

// near narrows ready down by the hints for nodes, else by those for zones. A
// hint is heeded only if all endpoints carry one and one of them means us:
// otherwise this node would be cut off, or the load badly shared.
func near(ready []Endpoint, node Node) []Endpoint {
	if here := meant(ready, node.Name, func(e Endpoint) []string { return e.Nodes }); len(here) > 0 {
		return here
	}
	if here := meant(ready, node.Zone, func(e Endpoint) []string { return e.Zones }); len(here) > 0 {
		return here
	}
	return ready
}

// meant keeps the endpoints whose hints name us, or none at all if one of
// them has no hints.
func meant(ready []Endpoint, us string, hints func(Endpoint) []string) []Endpoint {
	if us == "" || slices.ContainsFunc(ready, func(e Endpoint) bool { return len(hints(e)) == 0 }) {
		return nil
	}
	return keep(ready, func(e Endpoint) bool { return slices.Contains(hints(e), us) })
}

// keep is endpoints itself where all are wanted, as nearly always.
func keep(endpoints []Endpoint, want func(Endpoint) bool) []Endpoint {
	if !slices.ContainsFunc(endpoints, func(e Endpoint) bool { return !want(e) }) {
		return endpoints
	}
	var kept []Endpoint
	for _, e := range endpoints {
		if want(e) {
			kept = append(kept, e)
		}
	}
	return kept
}
