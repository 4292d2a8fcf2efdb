package proxier

import (
	"context"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/background"
	"github.com/kube-ipvs/kube-ipvs/proxier/driftscan"
	"github.com/kube-ipvs/kube-ipvs/proxier/flows"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/node"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/schedulers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/takeover"
	"github.com/kube-ipvs/kube-ipvs/proxier/telemetry"
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
	Ranges   Ranges

	ServiceMetrics int // traffic is counted for this number of Services at most

	IgnoreExternalIPs  bool // of Services
	ServeNodeAddresses bool // also when Services name them as external or ingress addresses
}

// Ranges are networks, of either family.
type Ranges struct {
	ExcludeServices []netip.Prefix // addresses of Services within are not served: another program of the node serves them

	// Where externalIPs and load balancers' addresses may be; none: anywhere.
	External, LoadBalancer []netip.Prefix

	Cluster []netip.Prefix // where the cluster's Pods are, as far as that is said
	Aliases []netip.Prefix // where in-cluster aliases lie, at most one of each family; the usual ones otherwise
}

// NodePorts says which of the node's addresses answer on node ports.
type NodePorts = node.Ports

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
	Prepare(context.Context) (mended state.Mended, err error)
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
	// TakeChanged is what has changed, by this daemon or others, since the last time.
	TakeChanged() state.Changed

	Members() reconcile.Kind[state.Member, state.None]
	VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing]
	RealServers() reconcile.Kind[state.RealServer, state.Weight]
	Addresses() reconcile.Kind[netip.Addr, state.None]

	// Connections counts those of real servers; what is not there has none.
	Connections(context.Context, []state.RealServer) (map[state.RealServer]int, error)

	telemetry.Counters
	schedulers.Kernel
	flows.Kernel
	leftovers.Machine
}

// HealthPorts are where load balancers ask for the health of Services.
type HealthPorts = reconcile.Kind[netip.AddrPort, state.Ready]

// Events tell those who look at a Service or at our Node.
type Events = telemetry.Events

// Warning is the text of an Event: its reason and action are single words.
type Warning = telemetry.Warning

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

// owner of rows is the Service that asks for them.
type owner = types.NamespacedName

// These own rows that no Service asks for, which has a namespace.
var (
	ranges   = owner{Name: "service ranges"}    // the networks that cluster addresses come from
	nodePods = owner{Name: "pods of this node"} // the networks of this node's Pods
	draining = owner{Name: "draining"}          // real servers that stay for their connections
)

// apiServer is the Service whose endpoints are those of the API server itself.
var apiServer = owner{Namespace: "default", Name: "kubernetes"}

// Proxier makes the kernel of one node hold what the Services of a cluster
// ask for.
type Proxier struct {
	cfg      Config
	with     Parts
	progress progress
	inLoop   chan func() // asked of the loop by others; called between two passes

	// All below belongs to the goroutine of Run.
	tables    tables
	planning  planning
	node      nodeState
	services  services
	scan      *driftscan.Scan[owner]
	queue     *background.Queue // work beside the loop
	takeover  *takeover.Takeover
	telemetry *telemetry.Telemetry
}

// New returns a Proxier that has not touched anything.
func New(cfg Config, with Parts) *Proxier {
	if with.APIServer == nil {
		with.APIServer = func() []netip.AddrPort { return nil }
	}
	aliases := state.AliasesIn(cfg.Ranges.Aliases)
	p := &Proxier{
		cfg:      cfg,
		with:     with,
		progress: progress{started: time.Now()},
		inLoop:   make(chan func()),
		tables:   newTables(with.Kernel, with.HealthPorts, aliases),
		planning: newPlanning(cfg, with.Kernel.Families(), aliases),
		queue:    background.New(),
		telemetry: telemetry.New(telemetry.Config{
			Changes: with.Changes, Families: with.Kernel.Families(), API: with.API, Events: with.Events,
		}),
	}
	p.services = newServices(with.Kernel, cfg.SyncPeriod, p.telemetry.Fail)
	p.scan = driftscan.New(cfg.SyncPeriod, reader{p})
	p.takeover = takeover.New(takeover.Config{
		Wanted: cfg.Takeover, Retry: cfg.SyncPeriod, Machine: with.Kernel, Queue: p.queue, Report: p.telemetry, Verified: p.verified,
	})
	p.progress.waits("its start")
	if cfg.ServiceMetrics > 0 {
		p.telemetry.CountTraffic(with.Kernel, p.trafficPorts)
	}
	return p
}

// Metrics gathers all collectors of this Proxier.
func (p *Proxier) Metrics() prometheus.Gatherer { return p.telemetry.Metrics() }

// SLIs gathers what a component says of its own health.
func (p *Proxier) SLIs() prometheus.Gatherer { return p.telemetry.SLIs() }

// Answered counts an answer of the health server.
func (p *Proxier) Answered(path string, code int) { p.telemetry.Answered(path, code) }

// HealthPortTaken notes whether another process listens where our health check
// should. Unlike the rest it may be called by any goroutine.
func (p *Proxier) HealthPortTaken(taken bool) { p.takeover.HealthPortTaken(taken) }
