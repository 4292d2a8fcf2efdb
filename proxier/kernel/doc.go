// Package kernel lists, creates, updates and deletes each kind of row in this
// machine, and prepares what never varies: modules, sysctls, the device
// kube-ipvs0, empty sets and a constant set of iptables rules.
//
// It is the only room with Linux in it. What should be there is decided
// elsewhere; nothing here knows Kubernetes, keeps a copy of what it has
// written, or retries. A listing holds what is ours and nothing else, so what
// is foreign can never be deleted: virtual servers that bear our flag, every
// address on our device, members of the sets that we named. Only Scan sees what
// kube-proxy has left, and Do takes away what it is told. Reading undoes
// what the kernel adds, so that == means equal. errno is translated here and
// goes no further up.
//
// A Kernel is for one goroutine: two on one netlink socket wait for each
// other's answers for ever.
package kernel
