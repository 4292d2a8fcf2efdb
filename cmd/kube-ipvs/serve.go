package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/adminsocket"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// serve runs the daemon, when it is its turn, until ctx ends; what it has put
// into the kernel stays.
func (o options) serve(ctx context.Context, k *kernel.Kernel) error {
	if err := refuseService(o.apiAddress()); err != nil {
		return err
	}
	programMetrics() // so that requests count from the first on
	cfg, err := o.restConfig()
	if err != nil {
		return err
	}
	server := newReached(cfg)
	client, err := o.client(limits{perSecond: o.QPS, atOnce: o.Burst}, server.dial)
	if err != nil {
		return err
	}
	o.adjustOOMScore()
	h := health.New(2*o.SyncPeriod, families(k)...)
	leave, err := o.awaitTurn(ctx, h.Handler(nil))
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer leave()
	left, err := o.prepareHost(ctx, k)
	if err != nil {
		return err
	}
	if left != nil {
		klog.ErrorS(left, "Not all of this machine is as it should be; it will be tried again")
	}
	h.Serves(families(k)...) // now that this machine has been asked
	klog.InfoS("Serving Services", "version", version, "node", o.NodeName, "scheduler", o.Scheduler, "families", families(k))
	return o.run(ctx, apiServer{client, server}, k, h)
}

// apiServer is how this process speaks to it, and where.
type apiServer struct {
	client kubernetes.Interface
	*reached
}

func families(k *kernel.Kernel) (all []string) {
	for _, f := range k.Families() {
		all = append(all, fmt.Sprintf("IPv%d", f))
	}
	return all
}

// run is the daemon at work.
func (o options) run(ctx context.Context, server apiServer, k *kernel.Kernel, h *health.Health) error {
	changes := watch.NewChanges()
	server.changed = changes.MarkHosts
	api, err := watch.New(server.client, o.NodeName, changes)
	if err != nil {
		return err
	}
	toPost, err := o.client(eventLimits, server.dial)
	if err != nil {
		return err
	}
	recorder := newRecorder(&events.EventSinkImpl{Interface: toPost.EventsV1()}, droppedEvents)
	ports := health.NewPorts(h)
	p := proxier.New(proxier.Config{
		NodeName:          o.NodeName,
		Scheduler:         o.Scheduler,
		SyncPeriod:        o.SyncPeriod,
		MinSyncPeriod:     o.MinSyncPeriod,
		NodePorts:         o.nodePorts(),
		PodsOfNode:        o.pods().Interface == "",
		Takeover:          o.Takeover,
		DrainTimeout:      o.DrainTimeout,
		IgnoreExternalIPs: !o.ExternalIPs,
		ServiceMetrics:    o.ServiceMetrics,
		OwnPorts:          o.ownPorts(),
		Leave:             o.Leave,
		AliasRanges:       o.AliasRanges,
		ClusterCIDRs:      o.ClusterCIDRs,
		ExternalRanges:    o.ExternalRanges, LoadBalancerRanges: o.LoadBalancerRanges,

		ServeNodeAddresses: o.ServeNodeAddresses,
	}, proxier.Parts{API: api, Changes: changes, Kernel: k, Health: h, HealthPorts: ports, Events: recorder, APIServer: server.addresses})

	// All end together: with ctx, with the first that fails, or with the Proxier.
	ctx, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	together := func(run func(context.Context) error) { wg.Go(func() { stop(run(ctx)) }) }
	together(func(ctx context.Context) error { api.Run(ctx); return nil })
	together(server.follow)
	together(refuseClusterAddress(o.apiAddress(), api))
	together(o.followFile)
	together(recorder.run)
	together(o.listen(o.HealthzAddress, h.Handler(p.Answered), p.HealthPortTaken))
	together(o.listen(o.MetricsAddress, o.pages(prometheus.Gatherers{p.Metrics(), programMetrics()}, p.SLIs(), time.Now()), func(bool) {}))
	together(func(ctx context.Context) error { o.openDoor(ctx, p); return nil })
	err = p.Run(ctx)
	if reason := failure(ctx); reason != nil {
		err = reason // a pass that is cut short fails too
	}
	stop(err)
	wg.Wait()
	if err == nil {
		err = failure(ctx)
	}
	return errors.Join(err, ports.Close())
}

// openDoor lets those look in who have a right to.
func (o options) openDoor(ctx context.Context, p *proxier.Proxier) {
	answer := func(ctx context.Context, q snapshot.Question) (snapshot.Daemon, error) {
		d, err := p.Snapshot(ctx, q)
		d.Version, d.Rules = version, new(o.rules())
		return d, err
	}
	adminsocket.Serve(ctx, adminsocket.Address, answer, func(err error) {
		klog.ErrorS(err, "Nobody can look in; it will be tried again")
	})
}

// failure is what has ended ctx, if that was one.
func failure(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// limits are those of one client.
type limits struct {
	perSecond float32
	atOnce    int
	answer    time.Duration // the time for one; zero, as for informers: no limit
}

// client reaches the API server as kube-proxy does: by kubeconfig or master,
// else as a Pod. What it asks is limited without regard to other clients of
// ours, so that Events never hold up an informer. It connects by dial, or as usual
// where that is nil.
func (o options) client(l limits, dial dialer) (kubernetes.Interface, error) {
	cfg, err := o.restConfig()
	if err != nil {
		return nil, err
	}
	cfg.Dial = dial
	cfg.ContentType, cfg.AcceptContentTypes = o.ContentType, o.AcceptContentTypes
	cfg.QPS, cfg.Burst, cfg.Timeout = l.perSecond, l.atOnce, l.answer
	// Packing takes both ends longer than the way between them; since 1.37 an API
	// server packs every single event of a watch that began with a list.
	cfg.DisableCompression = true
	cfg.Wrap(buffered)
	cfg.UserAgent = "kube-ipvs/" + version
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, ""))
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	return client, nil
}

func (o options) restConfig() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags(o.Master, o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the API server (--kubeconfig, --master): %w", err)
	}
	return cfg, nil
}

// listen answers on an address; on none it waits for the end. Whether another
// process has the address is told to taken.
func (o options) listen(address string, handler http.Handler, taken func(bool)) func(context.Context) error {
	return func(ctx context.Context) error {
		if address == "" {
			<-ctx.Done()
			return nil
		}
		s := health.Server{
			Addr: address, Handler: handler, HardFail: o.BindAddressHardFail,
			Listening: func() { taken(false) },
			Failed: func(err error) {
				klog.ErrorS(err, "Could not listen; it will be tried again", "address", address)
				taken(errors.Is(err, syscall.EADDRINUSE))
			},
		}
		return s.Run(ctx)
	}
}

// ownPorts are where this process listens itself.
func (o options) ownPorts() (all []netip.AddrPort) {
	for _, text := range []string{o.HealthzAddress, o.MetricsAddress} {
		if at, err := netip.ParseAddrPort(text); err == nil { // else it does not listen
			all = append(all, at)
		}
	}
	return all
}

// nodePorts reads the checked words of nodePortAddresses. A loopback range
// picks nothing: no node port answers on loopback addresses.
func (o options) nodePorts() (n proxier.NodePorts) {
	n.Chosen = o.NodeIP
	for _, word := range o.NodePortAddresses {
		switch word {
		case "primary":
			n.Primary = true
		case "all":
			n.Within = append(n.Within, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
		case "localhost":
			n.Within = append(n.Within, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
		default:
			n.Within = append(n.Within, netip.MustParsePrefix(word))
		}
	}
	return n
}

// adjustOOMScore is a wish; a container may not be allowed to.
func (o options) adjustOOMScore() {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(o.OOMScoreAdj)), 0); err != nil {
		klog.V(2).InfoS("Could not adjust the OOM score", "score", o.OOMScoreAdj, "err", err)
	}
}
