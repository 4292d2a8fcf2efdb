package xtables

import "strings"

// Target is the chain or verdict that a rule goes to; empty if it only counts.
func Target(rule string) string {
	words := split(rule)
	for i, w := range words[:max(len(words)-1, 0)] {
		if w == "-j" || w == "-g" {
			return words[i+1]
		}
	}
	return ""
}

// namesSet are the options that are followed by the name of an IP set.
var namesSet = map[string]bool{"--match-set": true, "--add-set": true, "--del-set": true, "--map-set": true}

// Sets are the IP sets that a rule refers to.
func Sets(rule string) (names []string) {
	words := split(rule)
	for i, w := range words[:max(len(words)-1, 0)] {
		if namesSet[w] {
			names = append(names, words[i+1])
		}
	}
	return names
}

// split takes a rule apart as iptables-restore does: quotes keep words
// together, so no comment can be taken for an option.
func split(rule string) (words []string) {
	var word strings.Builder
	inside, quoted, escaped := false, false, false
	for _, r := range rule {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quoted:
			escaped = true
		case r == '"':
			quoted = !quoted
			// A comment that is "-j" is not the option.
			if !inside {
				word.WriteByte('"')
			}
			inside = true
		case r == ' ' && !quoted:
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
