//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// shares is "p1 p2 r1, 5 each", or how often each one answered.
func shares(counts map[string]int) string {
	names := slices.Sorted(maps.Keys(counts))
	if len(names) == 0 {
		return "nobody"
	}
	first, even := counts[names[0]], true
	var words []string
	for _, n := range names {
		even = even && counts[n] == first
		words = append(words, fmt.Sprintf("%s %d", n, counts[n]))
	}
	if even && len(names) > 1 {
		return fmt.Sprintf("%s, %d each", strings.Join(names, " "), first)
	}
	return strings.Join(words, ", ")
}

// short is a duration as people say it.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// names is "A, B and C".
func names(chains []chain) string {
	text := ""
	for i, c := range chains {
		switch {
		case i == 0:
		case i == len(chains)-1:
			text += " and "
		default:
			text += ", "
		}
		text += c.name
	}
	return text
}

func keys(counts map[string]int) string {
	return strings.Join(slices.Sorted(maps.Keys(counts)), " ")
}
