// Package health answers those who ask whether this node may be sent traffic:
// load balancers at /healthz and, for one Service, at its health port, the
// kubelet at /livez and /readyz.
//
// The loop feeds a Health with what it has been asked and what it has done;
// the Handler turns that into kube-proxy's answers, and a Server keeps trying
// to listen. Health ports come and go with Services, so they are rows, and
// Ports is their reconcile.Kind. Nothing here knows the API, the kernel or metrics.
package health
