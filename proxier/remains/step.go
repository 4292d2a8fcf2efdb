package remains

import (
	"fmt"
	"strings"
)

// Deed is what a step does to its objects.
type Deed string

// All deeds, in the order in which they are done.
const (
	AdoptServers    Deed = "adopt virtual server" // put our flag on it; nothing else changes
	Unhook          Deed = "unhook"               // jumps in built-in chains
	DeleteTables    Deed = "delete nftables table"
	EmptyChains     Deed = "empty chain"
	DeleteChains    Deed = "delete chain"
	DeleteServers   Deed = "delete virtual server"
	DeleteAnswers   Deed = "delete virtual server of" // a packet mark
	DestroySets     Deed = "destroy set"
	DeleteAccounts  Deed = "delete nfacct object"
	RemoveDevice    Deed = "remove device"
	RestoreSysctls  Deed = "restore sysctl"
	RestoreTimeouts Deed = "restore time-out"
)

// Step is one thing to do. It can be repeated: that an object is gone already
// is no failure.
type Step struct {
	Deed    Deed
	Where   Where // of Unhook, EmptyChains and DeleteChains
	Objects []string
	Input   string   // of iptables-restore, for the same three
	Servers []Server // of AdoptServers and DeleteServers
	Sysctls []Sysctl // of RestoreSysctls and RestoreTimeouts
}

// String prints one object a line.
func (s Step) String() string {
	var b strings.Builder
	for _, o := range s.Objects {
		if s.Where.Backend != "" {
			fmt.Fprintf(&b, "%s: ", s.Where)
		}
		fmt.Fprintf(&b, "%s %s\n", s.Deed, o)
	}
	return b.String()
}

// title is the step in a few words.
func (s Step) title() string {
	first, more := s.Objects[0], ""
	if n := len(s.Objects); n > 1 {
		more = fmt.Sprintf(" and %d more", n-1)
	}
	if s.Where.Backend != "" {
		return fmt.Sprintf("%s: %s %s%s", s.Where, s.Deed, first, more)
	}
	return fmt.Sprintf("%s %s%s", s.Deed, first, more)
}

// Stay is something of kube-proxy's or ours that cannot go, and why.
type Stay struct {
	Object string `json:"object"`
	Holder string `json:"holder"`
}

// String is "OBJECT: HOLDER".
func (s Stay) String() string { return s.Object + ": " + s.Holder }
