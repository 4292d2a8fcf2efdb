package state

import (
	"fmt"
	"slices"
	"strings"
)

// String prints one row a line, sorted, so that what is wanted, what is held
// and what is can be compared by eye.
func (r Rows) String() string { return strings.Join(append(r.Lines(), ""), "\n") }

// Lines are those of String.
func (r Rows) Lines() (lines []string) {
	for k := range r.Members {
		lines = append(lines, fmt.Sprintf("member %s", k))
	}
	for k, v := range r.VirtualServers {
		lines = append(lines, fmt.Sprintf("virtual server %s %s", k, v))
	}
	for k, v := range r.RealServers {
		lines = append(lines, fmt.Sprintf("real server %s %s", k, v))
	}
	for k := range r.Addresses {
		lines = append(lines, fmt.Sprintf("address %s", k))
	}
	for k, v := range r.HealthPorts {
		lines = append(lines, fmt.Sprintf("health port %s %s", k, v))
	}
	slices.Sort(lines)
	return lines
}
