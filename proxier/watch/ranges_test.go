package watch

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	networking "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
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

// An old API server has no ServiceCIDRs, for years. It is asked now and then, for
// an upgrade brings them.
func TestServiceCIDRsThatAreMissingAreAskedForSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, ctx: t.Context(), api: fake.NewClientset(serviceCIDR("kubernetes", "10.96.0.0/16")), changes: NewChanges()}
		var missing atomic.Bool
		missing.Store(true)
		var asked atomic.Int32
		refuse := func(clienttesting.Action) (handled bool, answer runtime.Object, err error) {
			if asked.Add(1); missing.Load() {
				return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "servicecidrs"}, "")
			}
			return false, nil, nil
		}
		w.api.PrependReactor("list", "servicecidrs", refuse)
		w.start()
		time.Sleep(24 * time.Hour)
		if n := asked.Load(); n > 30 {
			t.Errorf("asked %d times in a day", n)
		}
		missing.Store(false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := w.cluster.Ranges(); !slices.Equal(got, []string{"10.96.0.0/16"}) {
			t.Errorf("once the API server has them: %v", got)
		}
	})
}
