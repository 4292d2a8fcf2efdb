package watch

import (
	"slices"
	"testing"

	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func serviceCIDR(name string, cidrs ...string) *networking.ServiceCIDR {
	return &networking.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networking.ServiceCIDRSpec{CIDRs: cidrs}}
}

func TestServiceCIDREvents(t *testing.T) {
	inWorld(t, []runtime.Object{serviceCIDR("kubernetes", "10.96.0.0/16", "fd00:10:96::/108")}, func(w *world) {
		all := w.api.NetworkingV1().ServiceCIDRs()
		if got := w.cluster.Ranges(); !slices.Equal(got, []string{"10.96.0.0/16", "fd00:10:96::/108"}) {
			w.Errorf("ranges at the start: %v", got)
		}
		more := must(all.Create(w.ctx, serviceCIDR("more", "10.97.0.0/16"), metav1.CreateOptions{}))
		w.expect(Moved{Services: times{}, Ranges: true})

		more.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue}}
		must(all.UpdateStatus(w.ctx, more, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}})

		if err := all.Delete(w.ctx, "kubernetes", metav1.DeleteOptions{}); err != nil {
			w.Fatal(err)
		}
		w.expect(Moved{Services: times{}, Ranges: true})
		if got := w.cluster.Ranges(); !slices.Equal(got, []string{"10.97.0.0/16"}) {
			w.Errorf("ranges at the end: %v", got)
		}
	})
}
