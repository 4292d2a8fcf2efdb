// Package harness runs programs on nodes of the lab, Service proxies above all:
// the daemon, and the real kube-proxy. It has one way to start one, to wait until
// it is ready, to read what it says and counts, and to end it.
//
//	p := harness.Program{Host: lab.Node.Namespace}
//	err := p.Start(command, pace, ready)   // or Spawn, which does not wait
//	text := p.Log.String()
//	code, err := p.Stop()                  // or Kill
//
// What is around a proxy comes from the environment that e2e/cmd/controlplane and
// e2e/cmd/vm make (E2E_KUBECONFIG, E2E_APISERVER_PORT, E2E_HOST), but for the
// demo, which has an API of its own.
//
// What must never be in it: a test, or what a proxy should do.
package harness
