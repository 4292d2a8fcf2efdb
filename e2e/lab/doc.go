// Package lab builds a small cluster out of network namespaces, to send real
// packets through:
//
//	 p1 p2 p3          r1 r2
//	  | | |             | |        routed veth pairs
//	  node             node2
//	    |                |
//	----+----- segment --+---+---- 192.0.2.0/24, 2001:db8:0:2::/64
//	                         |
//	                      outside
//
// Further nodes, each with Pods of its own (s1, t1), hang on the same segment.
//
// The outside client knows the way to the addresses of Services (through
// node) and none to the Pods, so a reply whose source was not translated back
// is lost. In every Pod a server tells its name and the client that it sees.
// Clients, processes and a relay live in the namespaces by way of the thread
// that opens their sockets. Needs Linux and root.
//
// What must never be in it: Services, kube-ipvs, or anything of its rules. The
// lab is the street, not the car.
package lab
