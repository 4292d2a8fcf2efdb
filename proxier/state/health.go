package state

import "fmt"

// Ready is what a health port answers with: whose it is, and how many ready
// endpoints the Service has on this node.
type Ready struct {
	Namespace, Name string
	Local           int
}

// String is "shop/cart 2 local".
func (r Ready) String() string { return fmt.Sprintf("%s/%s %d local", r.Namespace, r.Name, r.Local) }
