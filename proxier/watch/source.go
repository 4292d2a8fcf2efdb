package watch

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// source is one resource under the selectors that we want of it.
type source[L runtime.Object] struct {
	name     string
	labels   string
	fields   fields.Selector
	optional bool // an API server that does not know fields may leave them out

	list  func(context.Context, metav1.ListOptions) (L, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)

	// refused is told when the server does not have this resource, or does not
	// let us see it; nil for resources that we cannot do without.
	refused func()

	unselected atomic.Bool // the server has refused fields
	failing    atomic.Bool // the last request failed, and we have said so
}

func informer[T cache.Object, L runtime.Object](client kubernetes.Interface, of T, from *source[L]) cache.TypedSharedIndexInformer[T] {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return request(ctx, from, o, from.list)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return request(ctx, from, o, from.watch)
		},
	}
	i := cache.NewSharedIndexInformerWithOptions(
		cache.ToListWatcherWithWatchListSemantics(lw, client), any(of).(runtime.Object),
		cache.SharedIndexInformerOptions{Indexers: cache.Indexers{}})
	// Both fail only for an informer that runs already. The reflector would log
	// every retry; what fails is reported in request.
	_ = i.SetTransform(trim)
	_ = i.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
	return cache.NewTypedSharedIndexInformer[T](i)
}

// request sends one list or watch with from's selectors.
func request[L runtime.Object, R any](
	ctx context.Context, from *source[L], o metav1.ListOptions,
	send func(context.Context, metav1.ListOptions) (R, error),
) (R, error) {
	o.LabelSelector = from.labels
	if !from.unselected.Load() {
		o.FieldSelector = from.fields.String()
	}
	answer, err := send(ctx, o)
	if from.optional && o.FieldSelector != "" && apierrors.IsBadRequest(err) {
		from.unselected.Store(true)
		o.FieldSelector = ""
		answer, err = send(ctx, o)
	}
	if from.refused != nil && (apierrors.IsNotFound(err) || apierrors.IsForbidden(err)) {
		from.refused()
		from.report(ctx, o, err)
		pause(ctx)
		return answer, err
	}
	from.report(ctx, o, err)
	return answer, err
}

// betweenRefusals is until a resource is asked for again that the server has
// refused: an upgrade or another role may bring it.
const betweenRefusals = time.Hour

// pause keeps the reflector from its next try, which would come within a minute.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(betweenRefusals):
	}
}

// report logs the first of several failures in a row.
func (s *source[L]) report(ctx context.Context, o metav1.ListOptions, err error) {
	switch {
	case err == nil:
		if s.failing.Swap(false) {
			klog.FromContext(ctx).Info("The API answers again", "for", s.name)
		}
	case ctx.Err() != nil:
		// We hung up ourselves.
	case o.SendInitialEvents != nil && apierrors.IsInvalid(err):
		// The server cannot stream lists; an ordinary list follows.
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		// Our version is too old; a list follows.
	default:
		if !s.failing.Swap(true) {
			klog.FromContext(ctx).Error(err, "The API does not answer, retrying", "for", s.name)
		}
	}
}
