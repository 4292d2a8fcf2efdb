// Vm runs a command as root on a kernel that has IPVS.
//
//	vm [flags] -- COMMAND ARGS...
//
// It takes this machine's own kernel when that has IPVS and the user is root; otherwise, and where -kernel names one, it
// boots a virtual machine: a stock Debian kernel under qemu, whose root folder is the host's, read-only by 9p, below an
// overlay in memory. What is built outside runs inside as it stands. The output and the exit code are the command's; 124
// means that -timeout ran out, 125 that vm itself went wrong. Kernels, and the iptables that -iptables names, are
// fetched from Debian's suites at first and kept below the user's cache; this machine's own packages stay as they are.
//
// The command has no standard input, the working directory of vm, and of the environment PATH, HOME=/root, whatever
// begins with E2E_, and E2E_HOST: the address at which the services on the host's loopback are reached.
//
// In the virtual machine /dev, /proc, /run, /sys and /tmp are fresh, writes are lost (but those below -share), and what
// changes outside meanwhile may not be seen. The command's own folder and the working directory are there (read-only)
// even when they lie in /tmp, so that `go test -exec "vm --"` works.
//
// Nothing of the project's own belongs in this room: it knows no Service and loads no module but those it boots with.
package main
