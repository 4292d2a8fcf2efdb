package proxier_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// daemon is one in a bubble of synctest.
type daemon struct {
	*proxier.Proxier
	api    *fakeCluster
	kernel *kerneltest.Kernel
}

// run starts one that ends with the test's work.
func run(t *testing.T, work func(daemon)) { runWith(t, testConfig, work) }

func runWith(t *testing.T, cfg proxier.Config, work func(daemon)) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		p := proxier.New(cfg, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		work(daemon{p, api, k})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (r daemon) apply(t *testing.T, text string) {
	t.Helper()
	if err := r.api.apply(text); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// B140: it is told once, and again only after the port was open.
func TestATakenHealthPortIsTold(t *testing.T) {
	run(t, func(r daemon) {
		const told = "demo/web: create health port 0.0.0.0:32000: failed on demand\n"
		for range 2 {
			r.kernel.Fail("create health port", 100)
			r.apply(t, balancedBy("Local", here))
			if got := r.api.told(); got != told {
				t.Errorf("told %q, want %q", got, told)
			}
			time.Sleep(10 * time.Minute) // the bubble's
			r.apply(t, balancedBy("Local", here+", "+elsewhere))
			if got := r.api.told(); got != "" {
				t.Errorf("told again: %q", got)
			}
			r.kernel.Fail("create health port", 0)
			time.Sleep(time.Minute)
			r.apply(t, balancedBy("Cluster", here))
		}
	})
}

// The API keeps the first text of Events about one object that have the same
// reason, so what is to be said at one time is said in one.
func TestRemarksOfOneKindAreOneEvent(t *testing.T) {
	run(t, func(r daemon) {
		r.apply(t, strings.ReplaceAll(twoAddresses, "[EXTERNAL]", "[a, b]")+
			"---\n"+strings.NewReplacer("name: web}", `name: odd, annotations: {kube-ipvs.io/scheduler: X, kube-ipvs.io/drain-timeout: soon}}`,
			"EXTERNAL", "x", "10.96.0.1", "10.96.0.2").Replace(twoAddresses))
		told := strings.Split(strings.TrimSpace(r.api.told()), "\n")
		slices.Sort(told)
		for i, want := range []string{
			`demo/odd: Service demo/odd: metadata.annotations[kube-ipvs.io/drain-timeout]: "soon" is not`,
			`demo/odd: Service demo/odd: spec.externalIPs: "x" is not an IP address`,
			`demo/web: Service demo/web: spec.externalIPs: "a" is not an IP address; Service demo/web: spec.externalIPs: "b" is not an IP address`,
		} {
			if len(told) != 3 || !strings.HasPrefix(told[i], want) {
				t.Errorf("told:\n%s\nwant in line %d: %s", strings.Join(told, "\n"), i, want)
			}
		}
	})
}

// The gauge of kube-proxy: each Service once to a policy and family, unless it
// has no endpoint anywhere.
func TestServicesWithEndpointsElsewhereOnly(t *testing.T) {
	run(t, func(r daemon) {
		for _, step := range []struct {
			policy, endpoints string
			want              string
		}{
			{"Local", elsewhere, "external IPv4 1, external IPv6 0, internal IPv4 0, internal IPv6 0"},
			{"Local", here + ", " + elsewhere, "external IPv4 0, external IPv6 0, internal IPv4 0, internal IPv6 0"},
			{"Local", "", "external IPv4 0, external IPv6 0, internal IPv4 0, internal IPv6 0"},
			{"Cluster", elsewhere, "external IPv4 0, external IPv6 0, internal IPv4 0, internal IPv6 0"},
			{"Cluster\n  internalTrafficPolicy: Local", elsewhere, "external IPv4 0, external IPv6 0, internal IPv4 1, internal IPv6 0"},
			{"Local\n  internalTrafficPolicy: Local", elsewhere, "external IPv4 1, external IPv6 0, internal IPv4 1, internal IPv6 0"},
		} {
			r.apply(t, balancedBy(step.policy, step.endpoints))
			if got := gauge(t, r.Metrics(), "kubeproxy_sync_proxy_rules_no_local_endpoints_total"); got != step.want {
				t.Errorf("%s, %s: %s, want %s", step.policy, step.endpoints, got, step.want)
			}
		}
		r.api.remove("demo/web")
		synctest.Wait()
		if got := gauge(t, r.Metrics(), "kubeproxy_sync_proxy_rules_no_local_endpoints_total"); got != "external IPv4 0, external IPv6 0, internal IPv4 0, internal IPv6 0" {
			t.Errorf("without the Service: %s", got)
		}
	})
}

// gauge is a metric with two labels, in the order of these: the second label's
// value, the first one's and the number.
func gauge(t *testing.T, from prometheus.Gatherer, name string) (text string) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		all := map[string]float64{}
		for _, m := range f.GetMetric() {
			all[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
		for _, labels := range []string{"external IPv4", "external IPv6", "internal IPv4", "internal IPv6"} {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprint(labels, " ", all[labels])
		}
	}
	return text
}
