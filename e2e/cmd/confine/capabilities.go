//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are names in lower case, without CAP_.
type capabilities []string

// numbers of those that a container of ours may have.
var numbers = map[string]uintptr{
	"net_admin": unix.CAP_NET_ADMIN, "net_raw": unix.CAP_NET_RAW, "sys_module": unix.CAP_SYS_MODULE, "sys_resource": unix.CAP_SYS_RESOURCE,
}

// MarshalText is for the flag.
func (c capabilities) MarshalText() ([]byte, error) { return []byte(strings.Join(c, ",")), nil }

// UnmarshalText reads "net_admin,net_raw", or "all".
func (c *capabilities) UnmarshalText(text []byte) error {
	*c = nil
	for _, name := range strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' }) {
		if _, known := numbers[name]; !known && name != "all" {
			return fmt.Errorf("capability %q is none that a container of ours has", name)
		}
		*c = append(*c, name)
	}
	return nil
}

func (c capabilities) all() bool { return slices.Contains(c, "all") }

func (c capabilities) has(number uintptr) bool {
	return slices.ContainsFunc(c, func(name string) bool { return numbers[name] == number })
}
