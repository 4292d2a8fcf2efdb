// Package apistub is a small HTTP server that stands in for the Kubernetes API
// where a real one would be too slow to start or too healthy: it lists and
// watches Services, EndpointSlices, Nodes and ServiceCIDRs that were given to
// it as YAML files or through calls, takes Events, and misbehaves on demand.
//
//	stub := apistub.New()
//	err := stub.Load("testdata/shop")
//	go http.Serve(listener, stub)
//
// A client must not see a difference from the real thing in what it implements:
// versions grow, selectors hold in lists and watches, a watch goes on from a
// version or is told 410, and watch-list works. It speaks JSON only.
//
// What must never be in it: defaulting, validation, admission or controllers.
// Objects are given as the API would show them, cluster IPs and all.
package apistub
