// Package proxier carries changes from the cluster to the kernel and tells how
// it went. It is the map of the house:
//
//	watch       keeps the API's objects at hand, remembers what has moved
//	cluster     reads one Service and its slices into ports and endpoints (pure)
//	plan        says which rows these ask of this node (pure)
//	rules       the packet program as a value: prints it, follows a packet (pure)
//	drain       says how long a real server stays that no Service wants (pure)
//	state       the row types: what is wanted and what is held, comparable
//	reconcile   makes what is held equal to what is wanted, row by row
//	kernel      lists, creates, updates and deletes rows in this machine
//	leftovers   what kube-proxy and we leave in a machine, and how it goes (pure)
//	node        reads this machine and the Nodes into what planning has to know (pure)
//	schedulers  which schedulers the kernel has
//	flows       has the kernel forget flows that no endpoint answers
//	driftscan   paces the comparison with the kernel
//	background  work beside the loop, one piece at a time
//	takeover    removes what kube-proxy has left, when its time has come
//	telemetry   metrics, indicators, the log of passes, Events
//	health      answers the kubelet and load balancers
//	snapshot    what a daemon says of itself, and what a machine shows (values)
//	adminsocket answers the verbs that look, and changes nothing
//	explain     says in words what snapshots show (pure)
//
// One goroutine, Run, owns all of it: here are only the loop, its pass, the tables,
// the node and the Services. It sleeps until a Service, an
// EndpointSlice or the node has moved, a resync or a retry is due, and then
// makes one pass: plan what has moved, claim its rows, grow all tables, shrink
// all tables. A change of one endpoint costs the planning of one Service and
// the kernel calls of the rows that differ.
//
// No other package may know more than its own part: what should be and what is
// meet only here.
package proxier
