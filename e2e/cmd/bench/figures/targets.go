package figures

import "fmt"

// The sizes that targets are about.
var (
	Small  = Size{100, 10}
	Medium = Size{1000, 10}
	Large  = Size{5000, 10}
	Huge   = Size{10000, 10}
	Wide   = Size{5000, 50}
)

// HighRate is the rate of churn that targets are about.
const HighRate = 200

// Verdict is how a target came out.
type Verdict string

// A target whose figures are not all there is unknown.
const (
	Met     Verdict = "met"
	Missed  Verdict = "**missed**"
	Unknown Verdict = "not measured"
)

// Target is one promise and what was measured of it.
type Target struct {
	Promise string
	Figure  string
	Verdict Verdict
}

// outcome is a figure and whether it is good enough.
type outcome struct {
	known bool
	met   bool
	text  string
}

func is(met bool, format string, args ...any) outcome {
	return outcome{true, met, fmt.Sprintf(format, args...)}
}

// Targets judges the run.
func (r Run) Targets() []Target {
	var all []Target
	for _, t := range []struct {
		promise string
		judge   func(Run) outcome
	}{
		{"One endpoint moved at " + Medium.String() + ": p50 ≤ 30 ms", Run.movedMedian},
		{"One endpoint moved at " + Medium.String() + ": p99 ≤ 100 ms", Run.movedTail},
		{"One endpoint moved: p50 at " + Huge.String() + " ≤ 1.3 × that at " + Small.String(), Run.movedFlat},
		{"One endpoint moved at " + Large.String() + ": p50 at least 20 times faster than nftables mode", Run.movedAhead},
		{"Cold start at " + Huge.String() + ": ≤ 1.5 × (kernel's floor + first list)", Run.startNearFloor},
		{"Cold start at " + Wide.String() + ": at least 10 times faster than nftables mode", Run.startAhead},
		{"Restart with the kernel right: no row written, at any size", Run.restartSilent},
		{"Restart with the kernel right at " + Huge.String() + ": ≤ a third of the cold start", Run.restartShort},
		{"Churn of 200/s at " + Huge.String() + ": backlog does not grow", Run.churnSteady},
		{"Churn of 200/s at " + Huge.String() + ": probe p99 ≤ 250 ms", Run.churnTail},
		{"Churn of 200/s at " + Huge.String() + ": CPU per change ≤ a fifth of nftables mode's at " + Medium.String(), Run.churnCheap},
		{"Idle at " + Huge.String() + ": ≤ 10 % of one processor", Run.idleCheap},
		{"Memory at each size: ≤ 60 % of nftables mode's", Run.memoryAhead},
		{"Memory at " + Wide.String() + ": ≤ 300 MiB", Run.memoryBounded},
		{"In steady state no process is ever started", Run.noProcesses},
		{"New connections through a ClusterIP: not slower than kube-proxy's ipvs mode", Run.dataplaneEven},
	} {
		o, verdict := t.judge(r), Unknown
		switch {
		case o.known && o.met:
			verdict = Met
		case o.known:
			verdict = Missed
		}
		all = append(all, Target{t.promise, o.text, verdict})
	}
	return all
}

func (r Run) moved(proxy string, size Size) Samples {
	if c, ok := r.Cell(proxy, size); ok && c.Moves != nil {
		return c.Moves.Latency
	}
	return nil
}

func (r Run) movedMedian() outcome { return r.movedAt(50, 30) }

func (r Run) movedTail() outcome { return r.movedAt(99, 100) }

func (r Run) movedAt(p, limit float64) (o outcome) {
	if s := r.moved(KubeIPVS, Medium); len(s) > 0 {
		return is(s.P(p) <= limit, "%.1f ms of %d moves", s.P(p), len(s))
	}
	return o
}

func (r Run) movedFlat() (o outcome) {
	small, huge := r.moved(KubeIPVS, Small), r.moved(KubeIPVS, Huge)
	if len(small) == 0 || len(huge) == 0 {
		return o
	}
	times := huge.P(50) / small.P(50)
	return is(times <= 1.3, "%.2f × (%.1f ms, %.1f ms)", times, huge.P(50), small.P(50))
}

func (r Run) movedAhead() (o outcome) {
	ours, theirs := r.moved(KubeIPVS, Large), r.moved(NFTables, Large)
	if len(ours) == 0 || len(theirs) == 0 {
		return o
	}
	times := theirs.P(50) / ours.P(50)
	bare := theirs.P(50) - r.inProcesses(NFTables, Large)
	return is(times >= 20, "%.0f times (%.1f ms, %.0f ms); %.0f times if its processes took no time", times, ours.P(50), theirs.P(50), bare/ours.P(50))
}

// inProcesses is how many milliseconds of a move the starts of processes take
// at most, which an emulated machine exaggerates.
func (r Run) inProcesses(proxy string, size Size) float64 {
	moved, _ := r.Cell(proxy, size)
	floor, _ := r.Cell(Floor, size)
	if moved.Moves == nil || floor.Bare == nil || len(moved.Moves.Latency) == 0 {
		return 0
	}
	return 1000 * floor.Bare.Process * float64(moved.Moves.Processes) / float64(len(moved.Moves.Latency))
}

func (r Run) startOf(proxy string, size Size) (Start, bool) {
	c, ok := r.Cell(proxy, size)
	if !ok || c.Start == nil {
		return Start{}, false
	}
	return *c.Start, true
}

func (r Run) startNearFloor() (o outcome) {
	s, ok := r.startOf(KubeIPVS, Huge)
	c, floored := r.Cell(Floor, Huge)
	if !ok || !floored || c.Bare == nil || s.Over > 0 {
		return o
	}
	least := c.Bare.Kernel() + c.Bare.List
	return is(s.Settled <= 1.5*least, "%.2f × (%.1f s; floor %.1f s + list %.1f s)", s.Settled/least, s.Settled, c.Bare.Kernel(), c.Bare.List)
}

func (r Run) startAhead() (o outcome) {
	ours, ok := r.startOf(KubeIPVS, Wide)
	theirs, there := r.startOf(NFTables, Wide)
	if !ok || !there || ours.Over > 0 {
		return o
	}
	if theirs.Over > 0 {
		times := theirs.Over / ours.Settled
		if times < 10 {
			return outcome{text: fmt.Sprintf("more than %.1f times (%.1f s, over %.0f s)", times, ours.Settled, theirs.Over)}
		}
		return is(true, "more than %.1f times (%.1f s, over %.0f s)", times, ours.Settled, theirs.Over)
	}
	times := theirs.Settled / ours.Settled
	return is(times >= 10, "%.1f times (%.1f s, %.1f s)", times, ours.Settled, theirs.Settled)
}

func (r Run) restartSilent() (o outcome) {
	rows := 0.0
	for _, c := range r.Cells {
		if c.Proxy == KubeIPVS && c.Restart != nil && c.Restart.Writes != nil {
			o.known, rows = true, max(rows, *c.Restart.Writes)
		}
	}
	if !o.known {
		return o
	}
	return is(rows == 0, "%.0f rows", rows)
}

func (r Run) restartShort() (o outcome) {
	c, ok := r.Cell(KubeIPVS, Huge)
	if !ok || c.Start == nil || c.Restart == nil || c.Start.Over+c.Restart.Over > 0 {
		return o
	}
	share := c.Restart.Settled / c.Start.Settled
	return is(share <= 1.0/3, "%.2f × (%.1f s, %.1f s)", share, c.Restart.Settled, c.Start.Settled)
}

func (r Run) churnOf(proxy string, size Size) (Churn, bool) {
	c, ok := r.Cell(proxy, size)
	if !ok {
		return Churn{}, false
	}
	return c.Churn(HighRate)
}

// churnSteady takes a backlog for growing when the last third of the probes
// waits twice as long as the first, or when what was left at the end took a
// second.
func (r Run) churnSteady() (o outcome) {
	c, ok := r.churnOf(KubeIPVS, Huge)
	if !ok {
		return o
	}
	return is(c.Growth() <= 2 && c.Backlog <= 1 && c.Over == 0,
		"last third / first third %.2f; change after the end served in %.2f s; %.0f/s held", c.Growth(), c.Backlog, c.Achieved())
}

func (r Run) churnTail() (o outcome) {
	if c, ok := r.churnOf(KubeIPVS, Huge); ok && len(c.Latency) > 0 {
		return is(c.Latency.P(99) <= 250, "%.0f ms of %d moves", c.Latency.P(99), len(c.Latency))
	}
	return o
}

func (r Run) churnCheap() (o outcome) {
	ours, ok := r.churnOf(KubeIPVS, Huge)
	theirs, there := r.churnOf(NFTables, Medium)
	if !ok || !there {
		return o
	}
	share := ours.CPU / theirs.CPU
	return is(share <= 0.2, "%.2f × (%.2f ms, %.2f ms)", share, ours.CPU, theirs.CPU)
}

func (r Run) idleCheap() (o outcome) {
	if c, ok := r.Cell(KubeIPVS, Huge); ok && c.Idle != nil {
		return is(c.Idle.Share <= 0.1, "%.1f %%", 100*c.Idle.Share)
	}
	return o
}

func (r Run) memoryAhead() (o outcome) {
	worst, where := 0.0, Size{}
	for _, size := range r.Sizes() {
		ours, ok := r.Cell(KubeIPVS, size)
		theirs, there := r.Cell(NFTables, size)
		if !ok || !there || ours.Memory == nil || theirs.Memory == nil {
			continue
		}
		if share := float64(ours.Memory.Resident) / float64(theirs.Memory.Resident); share > worst {
			worst, where = share, size
		}
	}
	if worst == 0 {
		return o
	}
	return is(worst <= 0.6, "at most %.0f %%, at %s", 100*worst, where)
}

func (r Run) memoryBounded() (o outcome) {
	if c, ok := r.Cell(KubeIPVS, Wide); ok && c.Memory != nil {
		return is(c.Memory.Resident <= 300<<20, "%d MiB", c.Memory.Resident>>20)
	}
	return o
}

func (r Run) noProcesses() (o outcome) {
	n := 0
	for _, c := range r.Cells {
		if c.Proxy != KubeIPVS || c.Moves == nil {
			continue
		}
		o.known = true
		n += c.Moves.Processes
		for _, ch := range c.Churns {
			n += ch.Processes
		}
		if c.Idle != nil {
			n += c.Idle.Processes
		}
	}
	if !o.known {
		return o
	}
	return is(n == 0, "%d in all moves, churns and idle times", n)
}

// dataplaneEven compares what a connection costs more than one to the Pod
// itself, since machines differ by some per cent from one start to the next.
func (r Run) dataplaneEven() (o outcome) {
	ours, ok := r.Cell(KubeIPVS, Medium)
	theirs, there := r.Cell(IPVS, Medium)
	if !ok || !there || ours.Dataplane == nil || theirs.Dataplane == nil {
		return o
	}
	a, b := ours.Dataplane.Relative(), theirs.Dataplane.Relative()
	return is(a >= b*0.95, "%.0f %% and %.0f %% of the rate without a Service (5 %% is noise)", 100*a, 100*b)
}

// Relative is the rate of connections through the Service as a share of that
// to the Pod itself.
func (d Dataplane) Relative() float64 { return d.Connections / d.ConnectionsDirect }
