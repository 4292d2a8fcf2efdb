// Controlplane runs a command beside a real API server of its own.
//
//	controlplane [flags] -- COMMAND ARGS...
//
// It starts etcd and kube-apiserver on the host's loopback, waits until the API server is ready, runs the command, and
// ends all three. The command has the environment of controlplane, and E2E_KUBECONFIG, the path of a kubeconfig with all
// rights, E2E_APISERVER_PORT, and where others of the real programs are, which it does not start: E2E_KUBE_PROXY
// and E2E_KUBECTL, the paths of kube-proxy and kubectl, and E2E_METALLB, a folder with MetalLB's controller and speaker
// and the files of its kinds (crd).
// The server in the kubeconfig is 127.0.0.1; its certificate holds for 10.0.2.2 as well, at which a command below e2e/cmd/vm
// finds it (E2E_HOST):
//
//	controlplane -- vm -- ./e2e.test -test.v
//
// There is no controller manager: nothing makes service accounts, endpoint slices or nodes but the command. The exit code
// is the command's; 125 means that the servers did not start or did not last.
//
// The programs are built by build.sh, in some minutes the first time, from the modules in the folders binaries and
// metallb.
package main
