// Package e2e tries the built daemon from end to end: real objects in a real
// API server, a real kernel, and packets between network namespaces.
//
//	API server ── relay ──► kube-ipvs in the node's namespace
//	    ▲                         │
//	 the tests ── Services        ▼
//	    └──────── questions ──► Service addresses ──► Pods, which tell whom they see
//
// A test writes Services and EndpointSlices (there is no controller but the
// test), asks questions over the network, and looks at the kernel with ipvsadm,
// ipset and iptables-save, which share no code with us. In the end it deletes
// what it has written, and the kernel has to be as the test found it.
//
// Where a node comes to kube-ipvs from kube-proxy, that is the real one
// (E2E_KUBE_PROXY), and a witness tells what is left of it: everything that any
// Service proxy can change on a node, as other programs print it.
//
// Tests stand in files named after what they try. What they share is in the other
// files: cluster.go is a lab with a daemon, space.go what one test writes into the
// API, service.go and questions.go what it writes and asks; package harness starts
// the programs.
//
// Nothing here may import what it tests, skip, or sleep: `make e2e` brings all
// that is needed, and what takes time is waited for with a deadline. Everything
// runs under the build tag e2e.
package e2e
