package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

const intro = `# Benchmark

kube-ipvs beside kube-proxy in ipvs and nftables mode on the same work in one run: a real kube-apiserver with etcd, a real kernel,
real connections. This page, its charts and the table in the README are written by ` + "`make bench`" + ` from
[results.json](results.json), which holds every single sample.
`

// caveat stands beside every table of an emulated machine.
func caveat(r figures.Run) string {
	if r.Emulated() {
		return emulation
	}
	return ""
}

const emulation = `> The kernel ran in an emulated machine, where netlink is 7 to 10 times and the start of a process 45 to 70 times slower than on real
> hardware: some 60 ms in place of 1 or 2. Compare within a table, not with other machines, and take kube-proxy's processes into account:
> nftables mode starts one for each sync, ipvs mode dozens, so that the latter looks 5 to 8 times worse here than it is.
`

const method = `## How it is measured

- **Machine:** %s. Each row of a table is a fresh start of it, with nothing in the kernel. API server and etcd run outside at native
  speed and hold the same objects for all; writes to the API come from outside, too.
- **Cluster:** n Services × m endpoints, ClusterIP, IPv4, one port, endpoints on another node that nothing answers; among them, evenly
  by name, ten probe Services whose endpoint is a Pod that answers. The last Service by name is a probe.
- **Latency** is that of real connections: a Pod of the node connects to the ClusterIP, over a new connection each time, until the
  answer comes from the new endpoint. The clock starts before the write to the API. From one try to the next is a fiftieth of the
  time that has passed, 4 ms at least (20 ms during churn). There is
  one at a time, and another when one is not answered within 60 ms; the first comes when the API has answered.
- **First answer** is from the start of the process to the first answer of any probe. **Settled** is when all probes have answered and the
  proxy's metrics say that its first pass is complete; of kube-ipvs also that every row is held.
- **CPU** is user and system time of the process and its ended children. **Processes** are all programs started meanwhile, as the
  kernel tells it. **Memory** is the resident set
  once the proxy has settled and come to rest.
- **Moves** go one after the other with a pause (kube-proxy: 1.1 s, longer than the least time between two of its syncs;
  kube-ipvs: 0.1 s, as it has no such time).
- **Churn** replaces one endpoint of one Service after another, so many a second; the probes are moved meanwhile. **Backlog** is how
  long after the last change one is served that is written right after it and after the probe's move that was under way.
- **Floor**: the rows that a proxy on IPVS needs for the size, in batched netlink (128 messages a send, 500 set entries a message) with
  nothing around it; the first list of Services and EndpointSlices by client-go; and the start of ` + "`nft list tables`" + ` in a
  namespace without any.
- All proxies run with their default settings; the versions are those in results.json.
`

// Markdown is the page.
func Markdown(r figures.Run) string {
	parts := []string{intro, targets(r)}
	for _, section := range []struct {
		title, words, chart string
		table               func(figures.Run) *table
	}{
		{"Cold start", "An empty kernel and a full API. Times in seconds, memory in MiB.", "start.svg", starts},
		{"One endpoint moved", "From the write to the API until a new connection reaches the new endpoint, in milliseconds.", "moves.svg", moves},
		{"Churn", "The same, while other Services change. CPU in milliseconds of one processor for each change.", "churn.svg", churns},
		{"Restart", "The kernel is as it should be. Rows written are by the proxy's own count.", "", restarts},
		{"Idle", "Nothing happens; the kernel is looked after at the default period.", "", idles},
		{"Memory", "In MiB. Resident and share once settled and at rest; at most: at any time, churn included.", "memory.svg", memories},
		{"Dataplane", "New TCP connections one after the other, each reset at once, and one stream; through the ClusterIP, and to the Pod itself.", "", dataplanes},
		{"The floor", "In seconds.", "", floors},
	} {
		t := section.table(r)
		if len(t.rows) == 0 {
			continue
		}
		text := fmt.Sprintf("## %s\n\n%s\n\n%s\n%s", section.title, section.words, t, caveat(r))
		if section.chart != "" {
			text += fmt.Sprintf("\n![%s](%s)\n", section.title, section.chart)
		}
		parts = append(parts, text)
	}
	parts = append(parts, fmt.Sprintf(method, strings.Join(r.Machines(), "; ")))
	if p := problems(r); p != "" {
		parts = append(parts, p)
	}
	return strings.Join(parts, "\n")
}

func targets(r figures.Run) string {
	t := newTable("target", "measured", "")
	met, missed := 0, 0
	for _, target := range r.Targets() {
		switch target.Verdict {
		case figures.Met:
			met++
		case figures.Missed:
			missed++
		}
		t.add(target.Promise, orNothing(target.Figure), string(target.Verdict))
	}
	return fmt.Sprintf("## Targets\n\n%d met, %d missed, %d not measured.\n\n%s\n%s",
		met, missed, len(t.rows)-met-missed, t, caveat(r))
}

func orNothing(text string) string {
	if text == "" {
		return nothing
	}
	return text
}

func starts(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "first answer", "settled", "CPU", "processes", "memory")
	for _, c := range r.Cells {
		if s := c.Start; s != nil {
			memory := nothing
			if c.Memory != nil {
				memory = mebibytes(c.Memory.Resident)
			}
			t.add(c.Proxy, c.Size.String(), firstAnswer(s), settled(s), number(s.CPU), strconv.Itoa(s.Processes), memory)
		}
	}
	return t
}

func moves(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "moves", "p50", "p90", "p99", "worst", "of that the write, p50", "CPU each", "rows each", "processes")
	for _, c := range r.Cells {
		if m := c.Moves; m != nil {
			row := append([]string{c.Proxy, c.Size.String(), strconv.Itoa(len(m.Latency))}, latencies(m.Latency)...)
			t.add(append(row, number(m.Write.P(50)), number(m.CPU), optional(m.Rows), strconv.Itoa(m.Processes))...)
		}
	}
	return t
}

func churns(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "changes/s", "held", "probe p50", "p90", "p99", "worst", "backlog, s", "CPU each", "processes")
	for _, c := range r.Cells {
		for _, ch := range c.Churns {
			backlog := number(ch.Backlog)
			if ch.Over > 0 {
				backlog = fmt.Sprintf("over %.0f", ch.Over)
			}
			row := append([]string{c.Proxy, c.Size.String(), strconv.Itoa(ch.Rate), fmt.Sprintf("%.0f", ch.Achieved())}, latencies(ch.Latency)...)
			t.add(append(row, backlog, number(ch.CPU), strconv.Itoa(ch.Processes))...)
		}
	}
	return t
}

func restarts(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "settled, s", "cold start, s", "CPU, s", "rows written", "processes")
	for _, c := range r.Cells {
		if s := c.Restart; s != nil {
			t.add(c.Proxy, c.Size.String(), settled(s), settled(c.Start), number(s.CPU), optional(s.Writes), strconv.Itoa(s.Processes))
		}
	}
	return t
}

func idles(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "watched, s", "of one processor, %", "processes")
	for _, c := range r.Cells {
		if i := c.Idle; i != nil {
			t.add(c.Proxy, c.Size.String(), fmt.Sprintf("%.0f", i.Seconds), number(100*i.Share), strconv.Itoa(i.Processes))
		}
	}
	return t
}

func memories(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "resident", "at most", "proportional share")
	for _, c := range r.Cells {
		if m := c.Memory; m != nil {
			t.add(c.Proxy, c.Size.String(), mebibytes(m.Resident), mebibytes(m.Peak), mebibytes(m.Share))
		}
	}
	return t
}

func dataplanes(r figures.Run) *table {
	t := newTable("proxy", "Services × endpoints", "connections/s", "to the Pod", "share, %", "MB/s", "to the Pod", "share, %")
	for _, c := range r.Cells {
		if d := c.Dataplane; d != nil {
			t.add(c.Proxy, c.Size.String(), number(d.Connections), number(d.ConnectionsDirect), number(100*d.Relative()),
				number(d.Stream), number(d.StreamDirect), number(100*d.Stream/d.StreamDirect))
		}
	}
	return t
}

func floors(r figures.Run) *table {
	t := newTable("", "Services × endpoints", "virtual servers", "real servers", "addresses", "set members", "kernel", "first list", "together", "one process")
	for _, c := range r.Cells {
		if b := c.Bare; b != nil {
			t.add("floor", c.Size.String(), number(b.VirtualServers), number(b.RealServers), number(b.Addresses), number(b.Members),
				number(b.Kernel()), number(b.List), number(b.Kernel()+b.List), fmt.Sprintf("%.3f", b.Process))
		}
	}
	return t
}

// problems names what went wrong, so that a gap is not taken for a choice.
func problems(r figures.Run) string {
	var lines []string
	for _, c := range r.Cells {
		if c.Problem != "" {
			first, _, _ := strings.Cut(c.Problem, "\n")
			lines = append(lines, fmt.Sprintf("- %s: %s\n", c.Name(), first))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(slices.Insert(lines, 0, "## What could not be measured\n\n"), "")
}
