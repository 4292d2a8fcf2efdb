package snapshot

import (
	"net/netip"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Question says how much of a Daemon is asked for.
type Question struct {
	Services string // none when empty, All, or the one of this name, such as "shop/cart"
}

// All asks for every Service.
const All = "*"

// Daemon is what a running daemon says of itself, from between two passes.
type Daemon struct {
	Version   string    `json:"version"`
	Node      string    `json:"node"`
	Scheduler string    `json:"scheduler"`
	Families  []string  `json:"families"`
	Unserved  string    `json:"unserved,omitempty"` // why a family is not among them that the machine has
	Started   time.Time `json:"started"`
	Taken     time.Time `json:"taken"` // when this snapshot was

	// Waiting is there before the first pass. Of what follows nothing is known
	// then but Health.
	Waiting *Waiting `json:"waiting,omitempty"`

	Health   Health   `json:"health"`
	Pass     Pass     `json:"pass"` // the last one
	Tables   []Table  `json:"tables"`
	Takeover Takeover `json:"takeover"`

	Rules    *rules.Config `json:"rules,omitempty"`   // what the packet program is made for
	Ranges   []string      `json:"ranges,omitempty"`  // networks that cluster addresses come from; one that no Service has is refused
	LeftOut  []string      `json:"leftOut,omitempty"` // of such networks: why addresses in them are not refused
	Remarks  []string      `json:"remarks,omitempty"`
	Known    int           `json:"known"` // number of Services that ask anything of this node
	Services []Service     `json:"services,omitempty"`
	Common   state.Rows    `json:"common,omitzero"` // rows that no Service owns, with All
}

// Waiting is what a daemon has to do, or to be told, before it can begin.
type Waiting struct {
	For     string    `json:"for"` // "the API server"
	Since   time.Time `json:"since"`
	Failure string    `json:"failure,omitempty"` // of the last try
}

// Health is what the daemon answers to probes.
type Health struct {
	Ready    bool      `json:"ready"`   // there has been a pass after which all stood that can be had
	Healthy  bool      `json:"healthy"` // nothing waits, hangs or fails for too long, single rows apart
	Reason   string    `json:"reason,omitempty"`
	Eligible bool      `json:"eligible"` // load balancers may send to this node
	Synced   time.Time `json:"synced"`   // end of the last such pass
}

// Pass is how a pass went.
type Pass struct {
	Ended    time.Time     `json:"ended"`
	Took     time.Duration `json:"took"`
	Services int           `json:"services"` // planned
}

// Table counts the rows of one kind.
type Table struct {
	Kind     string `json:"kind"`
	Desired  int    `json:"desired"`
	Observed int    `json:"observed"`
	Pending  int    `json:"pending"`
	Drift    int    `json:"drift"`             // found changed by others, since the start
	Failure  string `json:"failure,omitempty"` // the first of the last pass
}

// Takeover is how far the removal of another proxy's leftovers is.
type Takeover struct {
	Enabled bool `json:"enabled"`
	Done    bool `json:"done"`
	Removed int  `json:"removed"`

	Blocked   []string `json:"blocked,omitempty"`   // of the other proxy, and why
	KubeProxy []string `json:"kubeProxy,omitempty"` // signs that it is still at work here
}

// Service is what one Service asks of this node.
type Service struct {
	Name      string     `json:"name"` // "shop/cart"
	Frontends []Frontend `json:"frontends,omitempty"`
	Rows      state.Rows `json:"rows,omitzero"` // wanted
	Remarks   []string   `json:"remarks,omitempty"`
}

// Frontend is one way in which a port of a Service can be reached.
type Frontend struct {
	Port      string               `json:"port,omitempty"` // the Service's name for it
	Kind      string               `json:"kind"`           // ClusterIP, NodePort, ExternalIP, LoadBalancer or HealthPort
	Server    state.VirtualServer  `json:"server"`
	Of        *state.VirtualServer `json:"of,omitempty"` // for an alias: what it is the alias of
	Policy    string               `json:"policy"`
	Owned     bool                 `json:"owned"` // this Service has it, and no other
	Bound     bool                 `json:"bound"` // the address is to be on our device
	Endpoints []Endpoint           `json:"endpoints,omitempty"`
}

// Endpoint is an endpoint of a frontend's family.
type Endpoint struct {
	Addr        netip.AddrPort `json:"addr"`
	Pod         string         `json:"pod,omitempty"` // where known
	Ready       bool           `json:"ready,omitempty"`
	Serving     bool           `json:"serving,omitempty"`
	Terminating bool           `json:"terminating,omitempty"`
	Local       bool           `json:"local,omitempty"`
	Chosen      bool           `json:"chosen,omitempty"` // new connections may go there
}
