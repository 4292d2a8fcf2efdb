package figures

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What is measured: three proxies, and the least that any of them could take.
const (
	KubeIPVS = "kube-ipvs"
	IPVS     = "kube-proxy ipvs"
	NFTables = "kube-proxy nftables"
	Floor    = "floor"
)

// Proxies are in the order of tables.
var Proxies = []string{KubeIPVS, NFTables, IPVS, Floor}

// Size is a cluster: Services, and endpoints of each.
type Size struct {
	Services  int `json:"services"`
	Endpoints int `json:"endpoints"`
}

// String is "10,000 × 10".
func (s Size) String() string { return thousands(s.Services) + " × " + strconv.Itoa(s.Endpoints) }

// All is the number of endpoints in the cluster.
func (s Size) All() int { return s.Services * s.Endpoints }

func (s Size) compare(t Size) int {
	return cmp.Or(cmp.Compare(s.All(), t.All()), cmp.Compare(s.Services, t.Services))
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Cell is one proxy at one size, in a machine of its own.
type Cell struct {
	Proxy   string  `json:"proxy"`
	Size    Size    `json:"size"`
	Version string  `json:"version,omitempty"`
	Kernel  string  `json:"kernel"`
	Machine string  `json:"machine"` // its processors
	When    string  `json:"when"`
	Took    float64 `json:"took_s"`

	Start     *Start     `json:"start,omitempty"`
	Memory    *Memory    `json:"memory,omitempty"`
	Moves     *Moves     `json:"moves,omitempty"`
	Dataplane *Dataplane `json:"dataplane,omitempty"`
	Restart   *Start     `json:"restart,omitempty"`
	Idle      *Idle      `json:"idle,omitempty"`
	Churns    []Churn    `json:"churns,omitempty"`
	Bare      *Bare      `json:"bare,omitempty"`

	Whole   bool   `json:"whole,omitempty"`   // all steps have had their turn
	Problem string `json:"problem,omitempty"` // why something is missing
}

// Complete tells whether nothing is missing.
func (c Cell) Complete() bool { return c.Whole && c.Problem == "" }

// Start is a proxy from the start of its process on. First is the first answer
// through a Service; Settled is when all probes answer and the proxy's own
// metrics say that its first pass is complete. Over is the time that was not
// enough for that; CPU and processes are then those until then.
type Start struct {
	First     float64  `json:"first_answer_s"`
	Settled   float64  `json:"settled_s"`
	Over      float64  `json:"over_s,omitempty"`
	CPU       float64  `json:"cpu_s"`
	Processes int      `json:"processes"`
	Writes    *float64 `json:"rows_written,omitempty"` // by the proxy's own count
}

// Memory is the proxy's after it has settled, in bytes: resident, its
// proportional share, and the most that was resident at any time of the cell.
type Memory struct {
	Resident int64 `json:"resident"`
	Peak     int64 `json:"peak"`
	Share    int64 `json:"share"`
}

// Moves are endpoints moved, one after the other, each timed from before its
// write to the API until a new connection reaches the new endpoint.
type Moves struct {
	Latency   Samples  `json:"latency_ms"`
	Write     Samples  `json:"of_that_write_ms"`
	CPU       float64  `json:"cpu_ms_each"`
	Processes int      `json:"processes"`
	Rows      *float64 `json:"rows_each,omitempty"`
}

// Churn is a time of many changes, with probes moved meanwhile. Backlog is how
// long after its end a change is served that is written then.
type Churn struct {
	Rate      int      `json:"rate"` // asked for, a second
	Changes   int      `json:"changes"`
	Seconds   float64  `json:"seconds"`
	Latency   Samples  `json:"latency_ms"` // in the order of time
	Write     Samples  `json:"of_that_write_ms,omitempty"`
	Backlog   float64  `json:"backlog_s"`
	Over      float64  `json:"over_s,omitempty"` // the backlog was not worked off in this time
	CPU       float64  `json:"cpu_ms_each"`
	Processes int      `json:"processes"`
	Rows      *float64 `json:"rows_each,omitempty"`
}

// Achieved is the rate that there really was.
func (c Churn) Achieved() float64 { return float64(c.Changes) / c.Seconds }

// Growth compares the median latency of the last third with that of the first.
func (c Churn) Growth() float64 {
	third := len(c.Latency) / 3
	if third == 0 {
		return 1
	}
	return c.Latency[len(c.Latency)-third:].P(50) / c.Latency[:third].P(50)
}

// Idle is a proxy to whom nothing happens: its share of one processor.
type Idle struct {
	Seconds   float64 `json:"seconds"`
	Share     float64 `json:"processor_share"`
	Processes int     `json:"processes"`
}

// Dataplane compares a ClusterIP with the Pod behind it: new TCP connections
// one after the other, and one stream.
type Dataplane struct {
	Connections       float64 `json:"connections_per_s"`
	ConnectionsDirect float64 `json:"connections_direct_per_s"`
	Stream            float64 `json:"stream_mbyte_per_s"`
	StreamDirect      float64 `json:"stream_direct_mbyte_per_s"`
}

// Bare is the floor, in seconds: what the kernel takes for the rows of a
// size in batched netlink, client-go for the first list of the API, and a process
// that does nothing.
type Bare struct {
	VirtualServers float64 `json:"virtual_servers_s"`
	RealServers    float64 `json:"real_servers_s"`
	Addresses      float64 `json:"addresses_s"`
	Members        float64 `json:"set_members_s"`
	List           float64 `json:"list_s"`
	Process        float64 `json:"process_s"` // the start of a small program
}

// Kernel is the kernel's part.
func (b Bare) Kernel() float64 { return b.VirtualServers + b.RealServers + b.Addresses + b.Members }

// Run is all cells, of one or several invocations.
type Run struct {
	Cells []Cell `json:"cells"`
}

// Machines are those on which something was measured, with their kernels.
func (r Run) Machines() []string {
	var all []string
	for _, c := range r.Cells {
		if m := c.Machine + ", Linux " + c.Kernel; c.Machine != "" && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// Emulated tells whether one of them was emulated in software.
func (r Run) Emulated() bool {
	return slices.ContainsFunc(r.Cells, func(c Cell) bool { return strings.Contains(c.Machine, "TCG") })
}

// Put takes a cell in, in the place of an earlier one of the same proxy and
// size.
func (r *Run) Put(c Cell) {
	r.Cells = slices.DeleteFunc(r.Cells, func(old Cell) bool { return old.Proxy == c.Proxy && old.Size == c.Size })
	r.Cells = append(r.Cells, c)
	slices.SortStableFunc(r.Cells, func(a, b Cell) int {
		return cmp.Or(a.Size.compare(b.Size), cmp.Compare(slices.Index(Proxies, a.Proxy), slices.Index(Proxies, b.Proxy)))
	})
}

// Cell is that of a proxy and size; ok is false when it was not measured.
func (r Run) Cell(proxy string, size Size) (c Cell, ok bool) {
	i := slices.IndexFunc(r.Cells, func(c Cell) bool { return c.Proxy == proxy && c.Size == size })
	if i < 0 {
		return c, false
	}
	return r.Cells[i], true
}

// Sizes are those measured, the smallest first.
func (r Run) Sizes() []Size {
	var sizes []Size
	for _, c := range r.Cells {
		if !slices.Contains(sizes, c.Size) {
			sizes = append(sizes, c.Size)
		}
	}
	return sizes
}

// Churn is the one of a rate.
func (c Cell) Churn(rate int) (Churn, bool) {
	i := slices.IndexFunc(c.Churns, func(ch Churn) bool { return ch.Rate == rate })
	if i < 0 {
		return Churn{}, false
	}
	return c.Churns[i], true
}

// Name is how tables and charts head a cell.
func (c Cell) Name() string { return fmt.Sprintf("%s, %s", c.Proxy, c.Size) }
