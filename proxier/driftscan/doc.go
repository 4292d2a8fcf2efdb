// Package driftscan paces the comparison with the kernel: what others have changed
// there is found by reading, and a change of the cluster must never wait for more
// than a step of that.
//
// The real servers are most of it. They are read Service by Service, a batch each
// second, so that a round takes one period, or longer in a large cluster. All the
// rest is read whole, once a period, a step for each. Where drift is found there may
// be more: the whole round becomes urgent and follows without pauses, once a period.
//
// Of some changes the kernel tells by itself. That says no more than where to read at
// once, and is gathered here as well.
//
// What is read, and what is done about it, is not known here.
package driftscan
