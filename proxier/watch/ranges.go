package watch

import (
	"context"
	"sync"

	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// ranges are the ServiceCIDRs. API servers before 1.33 do not have them, and a
// role for kube-proxy of old does not allow them: then there are none.
type ranges struct {
	cache.TypedSharedIndexInformer[*networking.ServiceCIDR]
	handler cache.ResourceEventHandlerRegistration
	known   chan struct{} // closed when they are at hand, or refused
	once    sync.Once
}

func newRanges(client kubernetes.Interface) *ranges {
	all := client.NetworkingV1().ServiceCIDRs()
	r := &ranges{known: make(chan struct{})}
	r.TypedSharedIndexInformer = informer(client, &networking.ServiceCIDR{}, &source[*networking.ServiceCIDRList]{
		name:    "ServiceCIDRs",
		fields:  fields.Everything(),
		refused: r.settle,
		list:    all.List,
		watch:   all.Watch,
	})
	return r
}

func (r *ranges) settle() { r.once.Do(func() { close(r.known) }) }

// Name and Done make it a DoneChecker.
func (r *ranges) Name() string { return "ServiceCIDRs" }

// Done is closed when it is clear what there is.
func (r *ranges) Done() <-chan struct{} { return r.known }

// mark has the informer mark in changes what it sees move.
func (r *ranges) mark(changes *Changes) (err error) {
	r.handler, err = r.AddTypedEventHandler(cache.TypedResourceEventHandlerFuncs[*networking.ServiceCIDR]{
		AddFunc: func(*networking.ServiceCIDR) { changes.MarkRanges() },
		UpdateFunc: func(was, is *networking.ServiceCIDR) {
			if !equality.Semantic.DeepEqual(was.Spec, is.Spec) {
				changes.MarkRanges()
			}
		},
		DeleteFunc: func(cache.DeletedObject[*networking.ServiceCIDR]) { changes.MarkRanges() },
	})
	return err
}

// run follows the API until ctx ends.
func (r *ranges) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { r.RunWithContext(ctx) })
	select {
	case <-r.handler.HasSyncedChecker().Done():
		r.settle()
	case <-r.known:
	case <-ctx.Done():
	}
	wg.Wait()
}
