package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// Conntrack is what is asked of the kernel's table of connections. Zero leaves
// the kernel's value everywhere.
type Conntrack struct {
	MaxPerCore, Min        int // entries; with MaxPerCore 0, Min counts for nothing
	Established, CloseWait time.Duration
	UDP, UDPStream         time.Duration
	BeLiberal              bool // with packets out of window; false leaves it
}

// mostEntries bounds what MaxPerCore alone asks for.
const mostEntries = 1 << 20

// limit is the size of the table for a number of processors; zero: leave it.
func (c Conntrack) limit(cores int) int {
	n := c.MaxPerCore * cores
	switch {
	case c.MaxPerCore == 0:
		return 0
	case n > mostEntries:
		return mostEntries
	}
	return max(n, c.Min)
}

// settings are those that are to be different, as far as they are asked for.
func (c Conntrack) settings() (all []Sysctl) {
	const prefix = "net.netfilter.nf_conntrack_"
	for _, t := range []struct {
		name string
		want time.Duration
	}{
		{"tcp_timeout_established", c.Established},
		{"tcp_timeout_close_wait", c.CloseWait},
		{"udp_timeout", c.UDP},
		{"udp_timeout_stream", c.UDPStream},
	} {
		if t.want > 0 {
			all = append(all, Sysctl{prefix + t.name, strconv.Itoa(int(t.want / time.Second))})
		}
	}
	if c.BeLiberal {
		all = append(all, Sysctl{prefix + "tcp_be_liberal", "1"})
	}
	return all
}

// ensure writes what is different below root, after its former value was noted.
// The table's size is only ever raised, and its hash table with it, which is no
// sysctl. What a container may not write is among the warnings; a setting that
// does not exist is an error.
func (c Conntrack) ensure(root string, cores int, former func([]leftovers.Sysctl)) (warnings []string, err error) {
	var errs []error
	note := func(err error) {
		if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
			warnings = append(warnings, err.Error())
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	all := c.settings()
	if limit := c.limit(cores); limit > 0 {
		size := Sysctl{"net.netfilter.nf_conntrack_max", strconv.Itoa(limit)}
		now, err := size.read(filepath.Join(root, "proc/sys"))
		note(err)
		if n, unreadable := strconv.Atoi(now); unreadable == nil && n < limit {
			all = append(all, size)
		}
		note(raise(filepath.Join(root, "sys/module/nf_conntrack/parameters/hashsize"), limit/4))
	}
	for _, s := range all {
		_, err := ensure(filepath.Join(root, "proc/sys"), []Sysctl{s}, former)
		note(err)
	}
	return warnings, errors.Join(errs...)
}

// raise writes n into a file that holds a smaller number.
func raise(path string, n int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s, which has to be at least %d: %w", path, n, err)
	}
	is, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if is >= n {
		return nil
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(n)), 0); err != nil {
		return fmt.Errorf("%s is %d and has to be at least %d: %w", path, is, n, err)
	}
	return nil
}

// onlineCores are those of the machine, whatever this process may use; at least
// one.
func onlineCores(file string) (n int) {
	text, _ := os.ReadFile(file) // then it is one
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		n += last - first + 1
	}
	return max(n, 1)
}
