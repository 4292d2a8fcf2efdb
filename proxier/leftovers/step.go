package leftovers

import (
	"fmt"
	"strings"
)

// Action is what a step does to its objects.
type Action string

// All actions, in the order in which they are done.
const (
	AdoptServers    Action = "adopt virtual server" // put our flag on it; nothing else changes
	Unhook          Action = "unhook"               // jumps in built-in chains
	DeleteTables    Action = "delete nftables table"
	EmptyChains     Action = "empty chain"
	DeleteChains    Action = "delete chain"
	DeleteServers   Action = "delete virtual server"
	DeleteAnswers   Action = "delete virtual server of" // a packet mark
	DestroySets     Action = "destroy set"
	DeleteAccounts  Action = "delete nfacct object"
	RemoveDevice    Action = "remove device"
	RestoreSysctls  Action = "restore sysctl"
	RestoreTimeouts Action = "restore time-out"
)

// Step is one thing to do. It can be repeated: that an object is gone already
// is no failure.
type Step struct {
	Action  Action
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
		fmt.Fprintf(&b, "%s %s\n", s.Action, o)
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
		return fmt.Sprintf("%s: %s %s%s", s.Where, s.Action, first, more)
	}
	return fmt.Sprintf("%s %s%s", s.Action, first, more)
}

// Blocked is something of kube-proxy's or ours that cannot go, and why.
type Blocked struct {
	Object string `json:"object"`
	Holder string `json:"holder"`
}

// String is "OBJECT: HOLDER".
func (s Blocked) String() string { return s.Object + ": " + s.Holder }
