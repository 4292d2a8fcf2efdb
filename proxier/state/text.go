package state

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// How lines of Rows begin.
const (
	member        = "member "
	virtualServer = "virtual server "
	realServer    = "real server "
	address       = "address "
	healthPort    = "health port "
)

// String prints one row a line, sorted, so that what is wanted, what is held
// and what is can be compared by eye.
func (r Rows) String() string { return strings.Join(append(r.Lines(), ""), "\n") }

// Lines are those of String.
func (r Rows) Lines() (lines []string) {
	for k := range r.Members {
		lines = append(lines, member+k.String())
	}
	for k, v := range r.VirtualServers {
		lines = append(lines, virtualServer+k.String()+" "+v.String())
	}
	for k, v := range r.RealServers {
		lines = append(lines, realServer+k.String()+" "+v.String())
	}
	for k := range r.Addresses {
		lines = append(lines, address+k.String())
	}
	for k, v := range r.HealthPorts {
		lines = append(lines, healthPort+k.String()+" "+v.String())
	}
	slices.Sort(lines)
	return lines
}

// MarshalJSON is a list of the Lines.
func (r Rows) MarshalJSON() ([]byte, error) { return json.Marshal(append([]string{}, r.Lines()...)) }

// UnmarshalJSON reads a list of lines. One that is no row is an error.
func (r *Rows) UnmarshalJSON(text []byte) error {
	var lines []string
	if err := json.Unmarshal(text, &lines); err != nil {
		return err
	}
	*r = NewRows()
	for _, line := range lines {
		if err := r.read(line); err != nil {
			return fmt.Errorf("row %q: %w", line, err)
		}
	}
	return nil
}

// read adds the row of one line.
func (r Rows) read(line string) error {
	if text, found := strings.CutPrefix(line, member); found {
		return read(r.Members, text, "")
	}
	if text, found := strings.CutPrefix(line, virtualServer); found {
		key, value, _ := strings.Cut(text, " ")
		return read(r.VirtualServers, key, value)
	}
	if text, found := strings.CutPrefix(line, realServer); found {
		i := strings.LastIndex(text, " weight ")
		if i < 0 {
			return errors.New("there is no weight")
		}
		return read(r.RealServers, text[:i], text[i+1:])
	}
	if text, found := strings.CutPrefix(line, address); found {
		return read(r.Addresses, text, "")
	}
	if text, found := strings.CutPrefix(line, healthPort); found {
		key, value, _ := strings.Cut(text, " ")
		return read(r.HealthPorts, key, value)
	}
	return errors.New("it is of no kind of row that is known here")
}

func read[K comparable, V any, P interface {
	*K
	encoding.TextUnmarshaler
}](into map[K]V, key, value string) error {
	var k K
	var v V
	if err := P(&k).UnmarshalText([]byte(key)); err != nil {
		return err
	}
	if reader, hasText := any(&v).(encoding.TextUnmarshaler); hasText {
		if err := reader.UnmarshalText([]byte(value)); err != nil {
			return err
		}
	}
	into[k] = v
	return nil
}

// IsZero tells whether there is no row.
func (r Rows) IsZero() bool {
	return len(r.Members)+len(r.VirtualServers)+len(r.RealServers)+len(r.Addresses)+len(r.HealthPorts) == 0
}

// Add takes in the rows of another. Where both have a key, the other's value
// counts.
func (r Rows) Add(other Rows) {
	maps.Copy(r.Members, other.Members)
	maps.Copy(r.VirtualServers, other.VirtualServers)
	maps.Copy(r.RealServers, other.RealServers)
	maps.Copy(r.Addresses, other.Addresses)
	maps.Copy(r.HealthPorts, other.HealthPorts)
}

// Without are the rows that another does not have, or has with another value.
func (r Rows) Without(other Rows) Rows {
	return Rows{
		Members:        without(r.Members, other.Members),
		VirtualServers: without(r.VirtualServers, other.VirtualServers),
		RealServers:    without(r.RealServers, other.RealServers),
		Addresses:      without(r.Addresses, other.Addresses),
		HealthPorts:    without(r.HealthPorts, other.HealthPorts),
	}
}

func without[K, V comparable](all, other map[K]V) map[K]V {
	left := map[K]V{}
	for k, v := range all {
		if o, both := other[k]; !both || o != v {
			left[k] = v
		}
	}
	return left
}
