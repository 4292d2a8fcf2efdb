package plan

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Ask is one Service as the cluster has it now.
type Ask struct {
	Service types.NamespacedName
	Created time.Time
	Ports   []cluster.Port   // none: the Service is gone, or is not ours to serve
	Unread  []cluster.Remark // what of its objects could not be read
}

// Result is all that planning knows of one Service. What most Services do not
// have is nil.
type Result struct {
	Rows      state.Rows
	Frontends []Frontend             // all that it asks for, in the order of precedence within the Service
	NoLocal   []Traffic              // that no endpoint here may answer, while one on another node could; each once
	Draining  drain.Service          // what it says of real servers that leave
	Remarks   []cluster.Remark       // what it asks for and does not get
	Upset     []types.NamespacedName // Services that have gained or lost something by it: they must be planned again
}

// Traffic is that from inside of the cluster, or from outside, of one family.
type Traffic struct {
	Internal bool
	Family   ipset.Family
}

// Service plans one Service for this node. O remembers what it asks for, so that
// the Service must be planned whenever it may have changed, and once more without
// ports when it is gone.
func Service(ask Ask, node cluster.Node, cfg Config, o *Ownership) Result {
	asked, unbound := frontendsOf(ask.Ports, node, cfg)
	upset := o.know(ask.Service, ask.Ports)
	held, more, lost := o.register(ask.Service, ask.Created, asked)
	r := Result{
		Rows:      state.NewRows(),
		Frontends: make([]Frontend, 0, len(asked)),
		Draining:  draining(held, cfg),
		Remarks:   slices.Concat(ask.Unread, unbound, lost),
		Upset:     append(upset, more...),
	}
	for i := range asked {
		f := &asked[i]
		kept := f.kept()
		if len(held) > 0 && held[0].Server == f.Server { // held is a part of asked, in its order
			held, kept.Held = held[1:], true
			kept.Answering = r.serve(f, node, cfg)
		}
		r.Frontends = append(r.Frontends, kept)
	}
	answerForAliases(r.Frontends)
	return r
}
