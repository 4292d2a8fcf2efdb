package proxier

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/node"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// planning is what is the same for all Services.
type planning struct {
	cfg       plan.Config
	node      cluster.Node
	ownership *plan.Ownership
	again     bool // this has changed: all Services are to be planned again
	pre       preplan
}

func newPlanning(cfg Config, families []ipset.Family, aliases state.Aliases) planning {
	return planning{
		cfg: plan.Config{
			Scheduler: cfg.Scheduler, Lacking: map[string]bool{}, Families: families,
			IgnoreExternalIPs: cfg.IgnoreExternalIPs, ServeNodeAddresses: cfg.ServeNodeAddresses, DrainTimeout: cfg.DrainTimeout,
			Aliases: aliases, Occupied: node.Occupied(aliases, cfg.Ranges.Cluster, nil, nil),
			ExcludeServiceCIDRs: cfg.Ranges.ExcludeServices, Allowed: plan.Allowed{External: cfg.Ranges.External, LoadBalancer: cfg.Ranges.LoadBalancer},
		},
		ownership: plan.NewOwnership(aliases),
	}
}

// nodeState is how this node was last read.
type nodeState struct {
	waysOut state.WaysOut
	read    bool           // at least once
	fresh   bool           // since the last pass
	stale   bool           // the last reading has failed: it is to be read again
	ranges  []netip.Prefix // in which addresses are refused that no Service has
}

// readNode looks at the machine and the Node object; on an error the last
// view stays.
func (p *Proxier) readNode(ctx context.Context) error {
	machine, err := p.readMachine(ctx)
	if p.node.stale = err != nil; err != nil {
		return err
	}
	object := p.with.API.Node()
	now := node.View(p.cfg.NodeName, machine, object, p.cfg.NodePorts)
	if p.node.read { // the first pass plans everything anyway
		p.planning.again, p.node.fresh = p.planning.again || !reflect.DeepEqual(now, p.planning.node), true
	}
	p.planning.node, p.node.read = now, true
	p.with.Health.NodeEligible(node.Eligible(object))
	return nil
}

// readMachine tells the machine's own addresses, and keeps how it reaches others.
func (p *Proxier) readMachine(ctx context.Context) (own []netip.Prefix, err error) {
	if own, err = p.with.Kernel.NodeAddresses(ctx); err != nil {
		return nil, err
	}
	p.node.waysOut, err = p.with.Kernel.WaysOut(ctx)
	return own, err
}

// readNodeFirst reads it unless that has been done: later changes are told of.
func (p *Proxier) readNodeFirst(ctx context.Context) error {
	if p.node.read {
		return nil
	}
	return p.readNode(ctx)
}

// readNodeAgain tells of a failure, after which it is tried in the next pass.
func (p *Proxier) readNodeAgain(ctx context.Context) {
	if err := p.readNode(ctx); err != nil {
		p.telemetry.Fail("read the node's addresses", err)
	}
}

// guard is what no Service may take from a node with these addresses.
func (p *Proxier) guard(own []netip.Addr) plan.Guard {
	_, parts := p.with.API.Service(apiServer)
	return node.Surroundings{
		Own: own, Object: p.with.API.Node(), Nodes: p.with.API.Nodes(), WaysOut: p.node.waysOut,
		APIServers: slices.Concat(p.with.APIServer(), node.Endpoints(parts)), Listening: p.cfg.OwnPorts,
	}.Guard()
}

// guardMoved takes over what is to be guarded now, and tells whether that has
// changed. Services that name an address which has come to it, or has left it, are
// to be planned, or planned again.
func (p *Proxier) guardMoved(moved map[owner][]time.Time, planned map[owner]struct{}) bool {
	now := p.guard(p.planning.node.Addresses)
	changed := p.planning.cfg.Guard.Differences(now)
	p.planning.cfg.Guard = now
	if len(changed) == 0 {
		return false
	}
	concerned := func(svc owner) {
		delete(planned, svc)
		if _, already := moved[svc]; !already {
			moved[svc] = nil
		}
	}
	for _, a := range changed {
		addrs := []netip.Addr{a}
		if a.IsUnspecified() {
			addrs = p.planning.node.Addresses
		}
		for _, addr := range addrs {
			for _, svc := range p.planning.ownership.Naming(addr) {
				concerned(svc)
			}
		}
	}
	for svc, s := range p.services.all {
		if slices.ContainsFunc(s.remarks, plan.Guarded) {
			concerned(svc)
		}
	}
	return true
}

// occupiedMoved looks anew at where no in-cluster alias may be and tells whether that
// is somewhere else.
func (p *Proxier) occupiedMoved() bool {
	services := node.Networks(p.with.API.Ranges())
	now := node.Occupied(p.planning.cfg.Aliases, p.cfg.Ranges.Cluster, p.with.API.Nodes(), services)
	if now.Equal(p.planning.cfg.Occupied) {
		return false
	}
	p.planning.cfg.Occupied = now
	return true
}

// claimNetworks claims the networks that may have changed; all may have where all
// is planned again, or where other hosts have moved.
func (p *Proxier) claimNetworks(moved watch.Moved, all bool) {
	families := p.planning.cfg.Families
	if moved.Ranges || all {
		needed := node.Needed(p.planning.node.Addresses, p.planning.cfg.Guard)
		kept, remarks := plan.Ranges(node.Served(node.Networks(p.with.API.Ranges()), families), needed)
		p.node.ranges = kept
		p.tables.claim(ranges, plan.RangeRows(kept))
		p.remark(&p.services.ofNode, remarks)
	}
	if moved.Node && p.cfg.PodsOfNode {
		p.tables.claim(nodePods, plan.PodRows(node.Served(node.PodCIDRs(p.with.API.Node()), families)))
	}
}
