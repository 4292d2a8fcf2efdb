package cluster

import (
	"cmp"
	"fmt"
	"slices"
)

// Remark says what of an object cannot be programmed as it stands, and why.
type Remark struct {
	Object  string // for example "Service shop/cart"
	Field   string // for example "spec.ports[1].protocol"
	Problem string // what is there, and what is allowed
	Reason  string // in one word, where others are to count or to tell such remarks; empty: none
}

// String is "Service shop/cart: spec.ports[1].port: 0 is not …".
func (r Remark) String() string { return fmt.Sprintf("%s: %s: %s", r.Object, r.Field, r.Problem) }

// Compare orders by object, field and problem.
func (r Remark) Compare(o Remark) int {
	return cmp.Or(cmp.Compare(r.Object, o.Object), cmp.Compare(r.Field, o.Field), cmp.Compare(r.Problem, o.Problem), cmp.Compare(r.Reason, o.Reason))
}

// Remark is a remark on the Service that p is a port of.
func (p *Port) Remark(field, problem string) Remark {
	return Remark{Object: "Service " + p.Name.Service.String(), Field: field, Problem: problem}
}

// notes gathers the remarks on one object while it is read.
type notes struct {
	object  string
	node    Node // that reads it
	remarks []Remark
}

func (n *notes) add(problem error, field string, args ...any) {
	n.remarks = append(n.remarks, Remark{Object: n.object, Field: fmt.Sprintf(field, args...), Problem: problem.Error()})
}

// inOrder sorts remarks and drops repetitions, so that the order in which
// objects were read does not show.
func inOrder(remarks []Remark) []Remark {
	slices.SortFunc(remarks, Remark.Compare)
	return slices.Compact(remarks)
}
