// Package node reads this machine and the cluster's Nodes into what planning has to
// know: where node ports and health ports answer, which addresses no Service may take
// from this node, and which networks are the cluster's.
//
// Pure: objects and addresses come in, values go out. When any of it is read, and what
// a change of it means for Services, must never be known here.
package node
