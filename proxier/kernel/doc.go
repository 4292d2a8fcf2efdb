// Package kernel is this machine in one piece: it opens the rooms below it,
// settles which address families are served, prepares what never varies, and
// gathers what the kernel tells by itself.
//
// What is asked of a Kernel is answered by the room that knows: ipvs, device,
// host, found for what others have left, and Rules, the one way of several in
// which the packet program and its sets are kept. There is no netlink here and no
// program is started; nothing here or below knows Kubernetes, keeps a copy of what
// it has written, or retries. A listing of rows holds what is ours and nothing
// else, so what is foreign can never be deleted; reading undoes what the kernel
// adds, so that == means equal.
//
// A Kernel is for one goroutine, but for what is said to be for others: two on one
// netlink socket would take each other's answers.
package kernel
