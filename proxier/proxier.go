package proxier

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// Config is how a Proxier works; all of it is checked before.
type Config struct {
	NodeName      string
	Scheduler     string        // of Services that name none
	SyncPeriod    time.Duration // everything is read back from the kernel this often
	MinSyncPeriod time.Duration // at least this long from the end of a pass to the next change; zero: at once
	NodePorts     NodePorts     // which of the node's addresses answer on node ports
	Takeover      bool          // remove what kube-proxy has left behind
	PodsOfNode    bool          // which Pods are this node's is told by the networks that its Node object names
	DrainTimeout  time.Duration // of Services that name none; zero: connections to endpoints that leave are reset

	OwnPorts []netip.AddrPort // where this process listens itself

	ExcludeServiceCIDRs []netip.Prefix // addresses of Services within are not served: another program of the node serves them

	// Where externalIPs and load balancers' addresses may be; none: anywhere.
	ExternalRanges, LoadBalancerRanges []netip.Prefix

	ClusterCIDRs []netip.Prefix // where the cluster's Pods are, as far as that is said
	AliasRanges  []netip.Prefix // where in-cluster aliases lie, at most one of each family; the usual ones otherwise

	ServiceMetrics int // traffic is counted for this number of Services at most

	IgnoreExternalIPs  bool // of Services
	ServeNodeAddresses bool // also when Services name them as external or ingress addresses
}

// Cluster is the API as a Proxier needs it.
type Cluster interface {
	// WaitForSync returns when all objects are at hand and have been marked.
	WaitForSync(context.Context) error
	// Service answers what the API holds for one Service now; nil if nothing.
	Service(types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice)
	// Node is nil while unknown.
	Node() *v1.Node
	// Nodes are all that the API knows of; of others than this one only the
	// addresses may be known.
	Nodes() []*v1.Node
	// Ranges are the networks that cluster addresses come from, as far as known.
	Ranges() []string
}

// Kernel is the machine as a Proxier needs it.
type Kernel interface {
	// Prepare makes sure of what never varies, and tells how much of each kind it
	// has put right. It may be asked by others than the loop, but not while Scan
	// or Do is.
	Prepare(context.Context) (mended map[string]int, err error)
	// Sysctls sets those that are not as traffic needs them, and tells how many.
	Sysctls(context.Context) (set int, err error)
	Families() []ipset.Family
	// Unserved says why a family is not served that the machine has.
	Unserved() error
	// NodeAddresses are the node's own, each with how much of it is the network's.
	NodeAddresses(context.Context) ([]netip.Prefix, error)
	// WaysOut are the hosts through which the node reaches all others.
	WaysOut(context.Context) (state.WaysOut, error)
	// Changed tells that there is something for TakeChanged.
	Changed() <-chan struct{}
	// TakeChanged is what has changed, by whoever it was, since the last time.
	TakeChanged() state.Changed
	// Connections counts those of real servers; what is not there has none.
	Connections(context.Context, []state.RealServer) (map[state.RealServer]int, error)
	// Traffic may be asked by others than the loop; what is not there is left out.
	Traffic(context.Context, []state.VirtualServer) (map[state.VirtualServer]state.Traffic, error)
	// TryScheduler fails with state.ErrNoScheduler where there is none of this name.
	TryScheduler(ctx context.Context, name string) error
	ForgetFlows(context.Context, map[state.VirtualServer][]netip.AddrPort) (deleted int, err error)

	Members() reconcile.Kind[state.Member, state.None]
	VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing]
	RealServers() reconcile.Kind[state.RealServer, state.Weight]
	Addresses() reconcile.Kind[netip.Addr, state.None]

	leftovers.Machine
}

// HealthPorts are where load balancers ask for the health of Services.
type HealthPorts = reconcile.Kind[netip.AddrPort, state.Ready]

// Events tell those who look at a Service or at our Node.
type Events interface {
	Warn(about *v1.Service, of Warning)
	WarnNode(about *v1.Node, of Warning)
}

// Warning is the text of an Event: its reason and action are single words.
type Warning struct{ Reason, Action, Note string }

// Parts are what a Proxier works with.
type Parts struct {
	API         Cluster
	Changes     *watch.Changes
	Kernel      Kernel
	Health      *health.Health
	HealthPorts HealthPorts
	Events      Events
	// APIServer tells where the API server is reached, which may change while it is
	// away; a change is marked. Nil: that is not known.
	APIServer func() []netip.AddrPort
}

// Proxier makes the kernel of one node hold what the Services of a cluster
// ask for.
type Proxier struct {
	cfg     Config
	api     Cluster
	changes *watch.Changes
	kernel  Kernel
	health  *health.Health
	events  Events
	reached func() []netip.AddrPort // the API server
	metrics *metrics

	started   time.Time
	beginning beginning

	// All below belongs to the goroutine of Run.
	tables     tables
	planning   plan.Config
	ownership  *plan.Ownership
	node       cluster.Node
	waysOut    state.WaysOut
	nodeRead   bool
	services   services
	unheld     map[unheld]string // what was last told of rows that could not be had
	ranges     []netip.Prefix    // in which addresses are refused that no Service has
	flows      flows
	errands    errands
	preplan    ahead
	reading    reading
	changed    touches
	schedulers schedulers
	drain      *drain.Servers[owner]
	lookAgain  bool // the node's addresses may have changed
	again      bool // what planning knows of this node has changed: all is to be planned again
	takeover   takeover
	kubeProxy  runningProxy
	readAt     time.Time            // when the kernel was first read
	complaints map[string]complaint // by action
	lastReport told                 // what reports said, for those who ask
	inLoop     chan look            // asked of the loop by others
}

// New returns a Proxier that has not touched anything.
func New(cfg Config, with Parts) *Proxier {
	aliases := state.AliasesIn(cfg.AliasRanges)
	p := &Proxier{
		cfg:     cfg,
		api:     with.API,
		changes: with.Changes,
		kernel:  with.Kernel,
		health:  with.Health,
		events:  with.Events,
		reached: with.APIServer,
		metrics: newMetrics(with.Changes),
		started: time.Now(),
		tables:  newTables(with.Kernel, with.HealthPorts, aliases),
		planning: plan.Config{
			Scheduler: cfg.Scheduler, Lacking: map[string]bool{}, Families: with.Kernel.Families(),
			IgnoreExternalIPs: cfg.IgnoreExternalIPs, ServeNodeAddresses: cfg.ServeNodeAddresses, DrainTimeout: cfg.DrainTimeout,
			Aliases: aliases, Occupied: occupied(cfg, nil, nil), ExcludeServiceCIDRs: cfg.ExcludeServiceCIDRs, Allowed: plan.Allowed{External: cfg.ExternalRanges, LoadBalancer: cfg.LoadBalancerRanges},
		},
		ownership: plan.NewOwnership(aliases),
		services:  newServices(),
		flows:     newFlows(),
		errands:   newErrands(),
		drain:     drain.New[owner](),
		inLoop:    make(chan look),

		complaints: map[string]complaint{},
		schedulers: schedulers{},
	}
	if p.reached == nil {
		p.reached = func() []netip.AddrPort { return nil }
	}
	p.beginning.waits("its start")
	p.metrics.families(with.Kernel.Families())
	if cfg.ServiceMetrics > 0 {
		p.metrics.registry.MustRegister(newTraffic(p))
	}
	return p
}

// Run keeps the kernel as wanted until ctx ends, and then leaves everything in
// place: traffic goes on without the daemon. What the kernel refuses is tried
// until it succeeds. What the kernel holds stays untouched until all of the
// cluster is known, but for what cuts off the API server.
func (p *Proxier) Run(ctx context.Context) error {
	if name := p.cfg.Scheduler; p.cfg.DrainTimeout > 0 && state.Schedulers[name].Refuses {
		klog.InfoS("Connections to endpoints that leave are reset at once: the scheduler refuses clients while one drains", "scheduler", name)
	}
	if !p.untilDone(ctx, "prepare the kernel", p.prepareFirst) {
		return nil // told to stop before it had begun
	}
	// While the API server's answer is on its way.
	if !p.untilDone(ctx, "read the kernel", p.readAll) {
		return nil
	}
	if !p.untilDone(ctx, givingUp, p.giveUp) {
		return nil
	}
	p.health.Resting() // the API server may be away: that is no fault of this node
	p.beginning.waits("the API server")
	if err := p.awaitCluster(ctx); err != nil {
		return fmt.Errorf("wait for the API server: %w", err)
	}
	if !p.untilDone(ctx, "read the node", p.readFirst) {
		return nil
	}
	p.lastReport.found = p.tables.held()
	p.beginning.done()
	p.loop(ctx)
	p.beginning.waits("its end")
	return nil
}

// prepareFirst makes what never varies. That it is not there is no drift yet.
func (p *Proxier) prepareFirst(ctx context.Context) error {
	_, err := p.kernel.Prepare(ctx)
	return err
}

// readAll finds what the kernel holds.
func (p *Proxier) readAll(ctx context.Context) error {
	p.readAt = time.Now()
	_, err := p.observe(ctx, p.tables.inOrder())
	return err
}

// readFirst finds what else there is, before anything is applied. What was read
// too long ago, or has been adopted since, is read again.
func (p *Proxier) readFirst(ctx context.Context) error {
	if err := p.readNodeFirst(ctx); err != nil {
		return err
	}
	adopted, err := p.adopt(ctx)
	if err != nil {
		return err
	}
	if adopted || time.Since(p.readAt) > p.cfg.SyncPeriod {
		return p.readAll(ctx)
	}
	return nil
}
