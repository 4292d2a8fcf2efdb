// Package options turns the command line and the configuration file into
// Options: the configurations of the rooms that heed them, checked.
//
// One table says everything about a flag: its name, its text, the field of
// kube-proxy's KubeProxyConfiguration that says the same, what its value must be
// and where that goes. Usage, man pages, messages and docs/configuration.md are
// made from it.
//
// Nothing here touches the kernel or asks the API server.
package options
