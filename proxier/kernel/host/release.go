package host

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// version is that of the running kernel.
type version struct{ major, minor int }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// parseRelease reads "6.1.0-56-amd64"; what it cannot read is version zero.
func parseRelease(text string) version {
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	ma, err1 := strconv.Atoi(major)
	mi, err2 := strconv.Atoi(strings.TrimRight(minor, "-abcdefghijklmnopqrstuvwxyz+"))
	if err1 != nil || err2 != nil {
		return version{}
	}
	return version{ma, mi}
}

// Release is that of the running kernel, "6.1.0-56-amd64"; empty if it does not
// say.
func Release() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
