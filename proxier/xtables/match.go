package xtables

import (
	"net/netip"
	"strings"
)

// Match is what a rule says of the packets that it is for, as far as it can be
// told.
type Match struct {
	Target   string
	To       netip.Prefix // zero: everywhere
	Protocol string       // empty: all
	Port     string       // the destination's; empty: all
	Some     bool         // only some packets, by what cannot be told here
}

// ReadMatch reads a rule up to its target. What it does not know, a negation
// among it, makes the match one of Some.
func ReadMatch(rule string) (m Match) {
	words := split(rule)
	for i := 0; i+1 < len(words); i += 2 {
		value := words[i+1]
		switch words[i] {
		case "-j", "-g":
			m.Target = value
			return m
		case "-d":
			m.To, _ = netip.ParsePrefix(value)
		case "-p":
			m.Protocol = value
		case "--dport":
			m.Port = value
		case "-m", "--comment":
		case "--ctstate":
			m.Some = m.Some || !strings.Contains(value, "NEW")
		case "!":
			m.Some = true
			i++ // and what is negated
		default:
			m.Some = true
			if !isOption(words[i]) || isOption(value) { // a second value, or none
				i--
			}
		}
	}
	return m
}

func isOption(word string) bool { return strings.HasPrefix(word, "-") }

// Refuses tells whether packets that match get no further.
func (m Match) Refuses() bool { return m.Target == "REJECT" || m.Target == "DROP" }
