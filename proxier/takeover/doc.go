// Package takeover has this node come from kube-proxy: it finds what kube-proxy has
// left, removes that once our own rows carry the traffic, and notices a kube-proxy
// that is still at work.
//
// What is kube-proxy's and in which order it goes is decided by package leftovers,
// and done by the machine, beside the loop. Here is only decided when. What a
// Service asks for must never be known here.
package takeover
