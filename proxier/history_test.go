package proxier_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is a Service named web, and its slices; each port is "name protocol
// number", each slice "ports; addresses", with * behind those on this node.
type told struct {
	kind   string // more of the spec
	ports  string
	slices []string
}

func (o told) text() string {
	var b strings.Builder
	b.WriteString("kind: Service\napiVersion: v1\nmetadata: {namespace: demo, name: web}\nspec:\n  clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1]\n")
	b.WriteString(o.kind + "  ports: [" + inWords(o.ports) + "]\n")
	for i := range 2 { // one that is gone is empty
		slice := ""
		if i < len(o.slices) {
			slice = o.slices[i]
		}
		ports, addresses, _ := strings.Cut(slice, ";")
		fmt.Fprintf(&b, "---\nkind: EndpointSlice\napiVersion: discovery.k8s.io/v1\n"+
			"metadata: {namespace: demo, name: web-%d, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [%s]\nendpoints:\n",
			i, inWords(ports))
		for _, address := range strings.Fields(addresses) {
			node := "node-b"
			address, here := strings.CutSuffix(address, "*")
			if here {
				node = "node-a"
			}
			fmt.Fprintf(&b, "- {addresses: [%s], nodeName: %s}\n", address, node)
		}
	}
	return strings.TrimSuffix(b.String(), "\n") + "\n"
}

// inWords writes "a TCP 80, b UDP 53" as YAML.
func inWords(ports string) string {
	var all []string
	for port := range strings.SplitSeq(ports, ",") {
		if words := strings.Fields(port); len(words) == 3 {
			all = append(all, fmt.Sprintf("{name: %s, protocol: %s, port: %s}", words[0], words[1], words[2]))
		}
	}
	return strings.Join(all, ", ")
}

// TestEveryHistoryEndsAsAFreshStart goes through the updates that kube-proxy's
// own tests know: whatever was there before, the kernel ends with what a daemon
// makes that never saw anything else.
func TestEveryHistoryEndsAsAFreshStart(t *testing.T) {
	const p11, p12 = "p11 TCP 11", "p12 TCP 12"
	const balanced = "  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 32000\n"
	base := told{ports: p11, slices: []string{p11 + "; 10.1.1.1"}}
	local := told{ports: p11, slices: []string{p11 + "; 10.1.1.1*"}}
	for _, c := range []struct {
		name    string
		history []told
	}{
		{"no change, named port, local", []told{local, local}},
		{"no change, several slices", []told{{ports: p11 + ", " + p12, slices: []string{p11 + "; 10.1.1.1", p12 + "; 10.1.1.2*"}}}},
		{"endpoints come", []told{{ports: p11}, base}},
		{"endpoints go", []told{base, {ports: p11}}},
		{"an address and a port come", []told{base, {ports: p11 + ", " + p12, slices: []string{p11 + ", " + p12 + "; 10.1.1.1 10.1.1.2*"}}}},
		{"an address and a port go", []told{{ports: p11 + ", " + p12, slices: []string{p11 + ", " + p12 + "; 10.1.1.1 10.1.1.2*"}}, base}},
		{"a slice comes", []told{base, {ports: p11 + ", " + p12, slices: []string{p11 + "; 10.1.1.1", p12 + "; 10.1.1.2"}}}},
		{"a slice goes", []told{{ports: p11 + ", " + p12, slices: []string{p11 + "; 10.1.1.1", p12 + "; 10.1.1.2"}}, base}},
		{"a port is renamed", []told{base, {ports: "other TCP 11", slices: []string{"other TCP 11; 10.1.1.1"}}}},
		{"a port is renamed, the slice is late", []told{base, {ports: "other TCP 11", slices: base.slices}}},
		{"a port has another number", []told{base, {ports: "p11 TCP 22", slices: []string{"p11 TCP 22; 10.1.1.1"}}}},
		{"a port has another protocol", []told{base, {ports: "p11 UDP 11", slices: []string{"p11 UDP 11; 10.1.1.1"}}}},
		{"a protocol is added on the same port", []told{base, {ports: p11 + ", u UDP 11", slices: []string{p11 + ", u UDP 11; 10.1.1.1"}}}},
		{"much comes and goes", []told{
			{ports: p11 + ", " + p12, slices: []string{p11 + "; 10.1.1.1 10.1.1.2*", p12 + "; 10.1.1.3*"}},
			{ports: p12 + ", p14 UDP 14", slices: []string{"p14 UDP 14; 10.1.1.2* 10.1.1.4", p12 + "; 10.1.1.3"}},
		}},
		{"from no address to one", []told{{ports: p11, slices: []string{p11 + ";"}}, local}},
		{"several ports, one, several: the address stays (TestMultiPortServiceBindAddr)", []told{
			{ports: p11 + ", " + p12, slices: base.slices}, base, {ports: p11 + ", " + p12, slices: base.slices},
		}},
		{"cluster address, load balancer, the same, cluster address", []told{
			base, {kind: balanced, ports: p11, slices: local.slices}, {kind: balanced, ports: p11, slices: local.slices}, base,
		}},
		{"the health port has another number", []told{
			{kind: balanced, ports: p11, slices: local.slices},
			{kind: strings.Replace(balanced, "32000", "32001", 1), ports: p11, slices: local.slices},
		}},
		{"affinity comes and goes", []told{base, {kind: "  sessionAffinity: ClientIP\n", ports: p11, slices: base.slices}, base}},
		{"headless, and no longer", []told{base, {kind: "  type: ExternalName\n", ports: p11, slices: base.slices}, base}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, fresh string
			run(t, func(r daemon) {
				for _, o := range c.history {
					r.apply(t, o.text())
				}
				time.Sleep(10 * time.Minute) // the bubble's: real servers that leave have no connections
				got = r.kernel.Rows().String()
			})
			run(t, func(r daemon) {
				r.apply(t, c.history[len(c.history)-1].text())
				fresh = r.kernel.Rows().String()
			})
			if got != fresh || fresh == "\n" {
				t.Errorf("ends as\n%s\na fresh start makes\n%s", got, fresh)
			}
			run(t, func(r daemon) {
				for _, o := range c.history {
					r.apply(t, o.text())
				}
				r.api.remove("demo/web")
				synctest.Wait()
				if left := r.kernel.Rows().String(); strings.TrimSpace(left) != "" {
					t.Errorf("without the Service there is\n%s", left)
				}
			})
		})
	}
}
