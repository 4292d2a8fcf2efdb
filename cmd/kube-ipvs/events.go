package main

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"

	"github.com/kube-ipvs/kube-ipvs/proxier"
)

// recorder posts Events. It never waits for the API server.
type recorder struct {
	broadcaster events.EventBroadcaster
	events.EventRecorder
}

func newRecorder(client kubernetes.Interface) recorder {
	b := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	return recorder{b, b.NewRecorder(scheme.Scheme, "kube-ipvs")}
}

// Warn says on a Service that something it asks for is not to be had.
func (r recorder) Warn(about *v1.Service, of proxier.Warning) {
	r.Eventf(about, nil, v1.EventTypeWarning, of.Reason, of.Action, "%s", of.Note)
}

// WarnNode says on our Node what concerns all of it.
func (r recorder) WarnNode(about *v1.Node, of proxier.Warning) {
	r.Eventf(about, nil, v1.EventTypeWarning, of.Reason, of.Action, "%s", of.Note)
}

// run posts what is recorded until ctx ends.
func (r recorder) run(ctx context.Context) error {
	if err := r.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return fmt.Errorf("post Events: %w", err)
	}
	<-ctx.Done()
	r.broadcaster.Shutdown()
	return nil
}
