// Package plan says which rows one Service asks of this node, and all else that
// follows from that: the Result of Service.
//
// It goes from ports to frontends, the ways in which a port can be reached, and
// from frontends to rows. Between the two stands Ownership: where two Services ask
// for one frontend it knows which of them holds it, so that their real servers
// never mix under one virtual server.
//
// Pure: the same arguments give the same rows. What the kernel holds now, what
// it made of earlier rows and when any of this is to be done must never be
// known here, nor may an API object: package cluster has read those already.
package plan
