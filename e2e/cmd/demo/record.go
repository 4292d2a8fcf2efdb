//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// late is the Service that has no endpoints yet when kube-proxy is ended.
const late = "web-lb"

// record lets the real kube-proxy serve the demo's Services in iptables mode, on
// a node where a kubelet has been before, ends it, and prints all rules: the
// text of leftovers.rules.
func record(ctx context.Context, out io.Writer, kubeProxy, objects string) (err error) {
	s := &stage{}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.build(objects); err != nil {
		return err
	}
	for _, slice := range s.world.slices {
		slice = slice.DeepCopy()
		slice.Ports[0].Name = new(string) // as a real API server fills it in
		if slice.Labels[discovery.LabelServiceName] == late {
			slice.Endpoints = nil
		}
		if err := s.api.Set(slice); err != nil {
			return err
		}
	}
	if err := s.load(kubelet, kubelet); err != nil {
		return err
	}
	k := harness.KubeProxy{
		Program: harness.Program{Host: s.lab.Node.Namespace}, Path: kubeProxy, Setup: s.setup(), Folder: s.folder,
	}
	defer func() { err = errors.Join(err, k.Kill()) }()
	ctx, cancel := context.WithTimeout(ctx, waiting)
	defer cancel()
	err = k.Start("iptables")
	if err == nil {
		err = lab.Until(ctx, s.chainsOfKubeProxy)
	}
	if err != nil {
		return fmt.Errorf("%w; kube-proxy said:\n%s", err, k.Log.String())
	}
	return errors.Join(k.Kill(), s.print(out))
}

// chainsOfKubeProxy tells whether all Services are there as they should be, in
// both families.
func (s *stage) chainsOfKubeProxy() error {
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		text, err := s.lab.Node.Run(program)
		if err != nil {
			return err
		}
		for _, svc := range s.world.services {
			rule := fmt.Sprintf("%s/%s cluster IP", svc.Namespace, svc.Name)
			if svc.Name == late {
				rule = fmt.Sprintf("%s/%s has no endpoints", svc.Namespace, svc.Name)
			}
			if !strings.Contains(text, rule) {
				return fmt.Errorf("%s shows no rule for %s", program, svc.Name)
			}
		}
	}
	return nil
}

const note = `# What the real kube-proxy 1.37.2 has left in the tables of the demo's node: it was started in iptables mode, with
# web-lb still without endpoints, on a node with the kubelet's chains, and ended. Written by ` + "`make leftovers`" + `; the two
# parts are in the words of iptables-save and ip6tables-save, without counters and comments.
`

// second begins the part of IPv6.
const second = "# IPv6\n"

var counters = regexp.MustCompile(`\[\d+:\d+\]`)

func (s *stage) print(out io.Writer) error {
	text := note
	for _, part := range []struct{ head, program string }{{"# IPv4\n", "iptables-save"}, {second, "ip6tables-save"}} {
		rules, err := s.lab.Node.Run(part.program)
		if err != nil {
			return err
		}
		text += part.head
		for line := range strings.Lines(rules) {
			if !strings.HasPrefix(line, "#") {
				text += counters.ReplaceAllString(line, "[0:0]")
			}
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

// kubelet is what a kubelet puts into the tables of a node.
const kubelet = `*mangle
:KUBE-IPTABLES-HINT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*nat
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
-A INPUT -j KUBE-FIREWALL
-A OUTPUT -j KUBE-FIREWALL
COMMIT
`
