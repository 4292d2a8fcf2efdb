package rules

// AcceptMode says where our rules accept new connections to Services in filter
// INPUT, so that no rule of the host's sees them. Otherwise those go on to the
// host's rules.
type AcceptMode string

// The ways. The zero value is AcceptAuto.
const (
	AcceptAuto   AcceptMode = "auto" // where INPUT keeps out what no rule lets in
	AcceptAlways AcceptMode = "always"
	AcceptNever  AcceptMode = "never"
)

// Where tells whether Services are accepted on a host that refuses, or not, what
// no rule of its INPUT lets in.
func (a AcceptMode) Where(refuses bool) bool {
	return a == AcceptAlways || a != AcceptNever && refuses
}
