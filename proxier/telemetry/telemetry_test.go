package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// api has every Service but one that is gone, and keeps Events.
type api struct{ events []string }

var (
	web  = types.NamespacedName{Namespace: "shop", Name: "web"}
	gone = types.NamespacedName{Namespace: "shop", Name: "gone"}
)

func (a *api) Service(n types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice) {
	if n == gone {
		return nil, nil
	}
	return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: n.Name}}, nil
}

func (a *api) Node() *v1.Node { return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}} }

func (a *api) Warn(about *v1.Service, of Warning) {
	a.events = append(a.events, fmt.Sprintf("%s/%s %s: %s", about.Namespace, about.Name, of.Reason, of.Note))
}

func (a *api) WarnNode(about *v1.Node, of Warning) {
	a.events = append(a.events, fmt.Sprintf("%s %s: %s", about.Name, of.Reason, of.Note))
}

func (a *api) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.events); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	a.events = nil
}

func started() (*Telemetry, *api) {
	a := &api{}
	return New(Config{Changes: watch.NewChanges(), Families: []ipset.Family{ipset.IPv4}, API: a, Events: a}), a
}

// values are the series of one metric, by their labels.
func values(t *testing.T, of prometheus.Gatherer, name string) (all []string) {
	t.Helper()
	families, err := of.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() != name {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			all = append(all, fmt.Sprintf("%s %g", strings.Join(labels, ","), value))
		}
	}
	slices.Sort(all)
	return all
}

func expect(t *testing.T, tel *Telemetry, name string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, values(t, tel.Metrics(), name)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// table is a Table with rows that could not be had.
type table struct {
	name   string
	broken bool
	failed map[string]error // by row
}

func (t table) Name() string          { return t.name }
func (t table) Size() (int, int, int) { return 3, 2, len(t.failed) }
func (t table) Refused() int          { return 0 }
func (t table) Broken() bool          { return t.broken }
func (t table) EachFailed(take func(any, []types.NamespacedName, error)) {
	for row, err := range t.failed {
		take(row, []types.NamespacedName{web}, err)
	}
}

// What is new is told once, of those who are still there, and each field is counted,
// down to 0 and then not at all.
func TestRemarks(t *testing.T) {
	tel, a := started()
	remark := func(field, problem string) cluster.Remark {
		return cluster.Remark{Object: "Service shop/web", Field: field, Problem: problem}
	}
	first, second := remark("spec.externalIPs[0]", "no"), remark("spec.externalIPs[1]", "neither")
	on := map[types.NamespacedName][]cluster.Remark{}
	say := func(name types.NamespacedName, now ...cluster.Remark) {
		tel.Remark(name, on[name], now)
		on[name] = now
	}
	tell := func() {
		tel.TellRemarks(func(n types.NamespacedName) []cluster.Remark { return on[n] })
		tel.Pass(NewPass(), nil, nil)
	}
	say(web, first)
	say(web)
	say(web, first, second) // as it is when all of the pass has been planned
	say(gone, first)
	say(types.NamespacedName{Name: "ranges"}, cluster.Remark{Object: "ServiceCIDR", Field: "spec.cidrs", Problem: "too wide"})
	tell()
	a.expect(t, "all is new", "node-a RangeLeftOut: ServiceCIDR: spec.cidrs: too wide",
		"shop/web NotServed: "+first.String()+"; "+second.String())
	expect(t, tel, "kubeipvs_refused_fields", "spec.cidrs, 1", "spec.externalIPs, 3")
	say(web, second)
	say(gone)
	tell()
	a.expect(t, "less than before")
	expect(t, tel, "kubeipvs_refused_fields", "spec.cidrs, 1", "spec.externalIPs, 1")
	say(web)
	tell()
	expect(t, tel, "kubeipvs_refused_fields", "spec.cidrs, 1")
}

// A Service whose row the kernel refuses is told, and again when the reason is another
// one; while the kernel takes no row of the kind, no Service is.
func TestRefusedRows(t *testing.T) {
	tel, a := started()
	pass := func(broken bool, err error) {
		servers := table{name: "real server", broken: broken, failed: map[string]error{}}
		if err != nil {
			servers.failed["10.0.0.1"] = err
		}
		tel.Pass(NewPass(), []Table{servers}, nil)
	}
	refused := fmt.Errorf("%w: what it is", reconcile.ErrRefused)
	pass(true, refused)
	a.expect(t, "a broken kind")
	pass(false, errors.New("no memory"))
	a.expect(t, "no answer about the row")
	pass(false, refused)
	a.expect(t, "refused", "shop/web RefusedByKernel: "+refused.Error())
	pass(false, refused)
	a.expect(t, "still refused")
	pass(false, nil)
	pass(false, refused)
	a.expect(t, "refused again", "shop/web RefusedByKernel: "+refused.Error())
	tel.Pass(NewPass(), nil, []Table{table{name: "health port", broken: true, failed: map[string]error{":1": errors.New("in use")}}})
	a.expect(t, "a health port", "shop/web FailedToStartServiceHealthcheck: in use")
}

// What fails for longest is what health is about: kinds, not single rows.
func TestOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := started()
		since := func(want time.Duration, doing string) {
			t.Helper()
			at, action := tel.Oldest()
			if got := time.Since(at); action != doing || doing != "" && got != want {
				t.Errorf("for %s: %q; want %s, %q", got, action, want, doing)
			}
		}
		failed := map[string]error{"10.0.0.1": errors.New("no memory")}
		tel.Pass(NewPass(), []Table{table{name: "address", failed: failed}}, nil)
		since(0, "")
		time.Sleep(time.Second)
		tel.ReadBack("set member", errors.New("no answer"))
		time.Sleep(time.Second)
		tel.Pass(NewPass(), []Table{table{name: "address", broken: true, failed: failed}}, nil)
		since(time.Second, "read any set member")
		expect(t, tel, "kubeipvs_oldest_failing_row_seconds", " 2")
		expect(t, tel, "kubeipvs_failing_row_seconds", "address,10.0.0.1 2")
		tel.ReadBack("set member", nil)
		since(0, "change any address")
		tel.Pass(NewPass(), []Table{table{name: "address"}}, nil)
		since(0, "")
	})
}

// Each failure is counted; what it says of the last pass and since the start.
func TestPass(t *testing.T) {
	tel, _ := started()
	tel.Fail("look", errors.New("no"))
	tel.Fail("look", errors.New("no"))
	expect(t, tel, "kubeipvs_failures_total", "look 2")
	tel.Found(map[string]int{"address": 5})
	p := NewPass()
	p.Planned, p.Drift = 7, map[string]int{"address": 2}
	p.Add("address", reconcile.Tally{Deleted: 1})
	p.Add("address", reconcile.Tally{Updated: 1, Failed: 1, First: errors.New("busy")})
	tel.Pass(p, []Table{table{name: "address"}}, nil)
	expect(t, tel, "kubeipvs_adopted_rows", "address 3")
	expect(t, tel, "kubeipvs_drift_total", "address 2")
	expect(t, tel, "kubeipvs_rows", "address,desired 3", "address,observed 2", "address,pending 0", "address,refused 0")
	tel.Pass(p, []Table{table{name: "address"}}, nil)
	last := tel.Last()
	if last.Pass.Services != 7 || last.Drift["address"] != 4 || last.Failures["address"] != "busy" {
		t.Errorf("the last report is %+v", last)
	}
	expect(t, tel, "kubeipvs_adopted_rows", "address 3")
	expect(t, tel, "kubeipvs_family_served", "IPv4 1", "IPv6 0")
}

// Services are counted once for each kind of traffic.
func TestNoLocal(t *testing.T) {
	tel, _ := started()
	inside, outside := plan.Traffic{Internal: true, Family: ipset.IPv4}, plan.Traffic{Family: ipset.IPv6}
	tel.NoLocal(nil, []plan.Traffic{inside, outside})
	tel.NoLocal(nil, []plan.Traffic{inside})
	tel.NoLocal([]plan.Traffic{inside, outside}, []plan.Traffic{outside})
	tel.Pass(NewPass(), nil, nil)
	expect(t, tel, "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
		"IPv4,external 0", "IPv4,internal 1", "IPv6,external 1", "IPv6,internal 0")
}

// What the kubelet is told is counted in kube-proxy's words and in every component's.
func TestAnswered(t *testing.T) {
	tel, _ := started()
	for _, code := range []int{200, 503, 200} {
		tel.Answered("/healthz", code)
	}
	tel.Answered("/elsewhere", 200)
	expect(t, tel, "kubeproxy_proxy_healthz_total", "200 2", "503 1")
	if got := values(t, tel.SLIs(), "kubernetes_healthchecks_total"); !slices.Contains(got, "sync,error,healthz 1") && !slices.Contains(got, "sync,healthz,error 1") {
		t.Errorf("indicators: %v", got)
	}
}
