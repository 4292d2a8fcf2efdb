package rules

import (
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Outcome is how a packet's way ends.
type Outcome string

// The outcomes.
const (
	Dropped   Outcome = "dropped"
	Refused   Outcome = "refused"
	Balanced  Outcome = "balanced"  // IPVS sends it to one of the Servers
	Delivered Outcome = "delivered" // to a process of the node
	Routed    Outcome = "routed"    // out of the node
)

// Verdict is what becomes of a packet, and why.
type Verdict struct {
	Outcome     Outcome
	Steps       []Step // in order; of a packet that IPVS has taken, those before that
	Packet      Packet // as it is in the end
	Mark        uint32
	Translated  bool      // a rule has changed its destination
	Masqueraded bool      // it has got an address of the node as its source
	Servers     []Verdict // Balanced: how it goes on to each real server that it may be sent to
}

// Decided is the last step, which has brought about the outcome; the zero Step
// if nothing has concerned the packet.
func (v Verdict) Decided() Step {
	if len(v.Steps) == 0 {
		return Step{}
	}
	return v.Steps[len(v.Steps)-1]
}

// Step is one rule that has matched a packet, or where IPVS has taken it.
type Step struct {
	Family ipset.Family
	Hook   Hook
	Chain  Chain
	Number int // of the rule in the chain, from 1; 0: IPVS

	Server state.VirtualServer // that of IPVS
}

// Text is the rule in the words of iptables-save, or the virtual server that
// has taken the packet.
func (s Step) Text() string {
	if s.Number == 0 {
		return fmt.Sprintf("virtual server %s", s.Server)
	}
	return s.Chain.Rules[s.Number-1].Text(s.Family)
}

// Name is "KIPVS-FILTER rule 5", or "IPVS".
func (s Step) Name() string {
	if s.Number == 0 {
		return "IPVS"
	}
	return fmt.Sprintf("%s rule %d", s.Chain.Name, s.Number)
}

// String is "KIPVS-FILTER rule 5 at INPUT", or "IPVS at INPUT".
func (s Step) String() string { return fmt.Sprintf("%s at %s", s.Name(), s.Hook) }
