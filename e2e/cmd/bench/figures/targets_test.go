package figures

import (
	"strings"
	"testing"
)

func number(n float64) *float64 { return &n }

// good is a run that meets every target.
func good() Run {
	var r Run
	for _, size := range []Size{Small, Medium, Large, Huge, Wide} {
		r.Put(Cell{
			Proxy: KubeIPVS, Size: size,
			Start:     &Start{First: 1, Settled: 12, Writes: number(1000)},
			Restart:   &Start{Settled: 4, Writes: number(0)},
			Moves:     &Moves{Latency: Samples{20, 20, 20, 30}},
			Memory:    &Memory{Resident: 60 << 20},
			Idle:      &Idle{Share: 0.05},
			Churns:    []Churn{{Rate: 50, CPU: 9}, {Rate: HighRate, CPU: 1, Latency: Samples{30, 40, 30}, Backlog: 0.1, Seconds: 60, Changes: 12000}},
			Dataplane: &Dataplane{Connections: 90, ConnectionsDirect: 100},
		})
		r.Put(Cell{
			Proxy: NFTables, Size: size,
			Start:  &Start{Settled: 120},
			Moves:  &Moves{Latency: Samples{400, 400, 600}, Processes: 3},
			Memory: &Memory{Resident: 100 << 20},
			Churns: []Churn{{Rate: HighRate, CPU: 5, Seconds: 60}},
		})
		r.Put(Cell{Proxy: IPVS, Size: size, Dataplane: &Dataplane{Connections: 180, ConnectionsDirect: 200}})
		r.Put(Cell{Proxy: Floor, Size: size, Bare: &Bare{VirtualServers: 1, RealServers: 4, Addresses: 2, Members: 1, List: 1, Process: 0.06}})
	}
	return r
}

func TestGoodRunMeetsAll(t *testing.T) {
	for _, target := range good().Targets() {
		if target.Verdict != Met || target.Figure == "" {
			t.Errorf("%s: %s (%s)", target.Promise, target.Verdict, target.Figure)
		}
	}
}

// What a peer's processes take is said beside the ratio.
func TestProcessesOfAPeer(t *testing.T) {
	for _, target := range good().Targets() {
		if strings.Contains(target.Promise, "20 times") && target.Figure != "20 times (20.0 ms, 400 ms); 17 times if its processes took no time" {
			t.Errorf("%s: %s", target.Promise, target.Figure)
		}
	}
}

func TestNothingMeasured(t *testing.T) {
	for _, target := range (Run{}).Targets() {
		if target.Verdict != Unknown {
			t.Errorf("%s: %s (%s)", target.Promise, target.Verdict, target.Figure)
		}
	}
}

// Each of these spoils the good run in one way; exactly the targets that are
// about it are missed.
func TestMissedTargets(t *testing.T) {
	for _, tc := range []struct {
		name  string
		proxy string
		size  Size
		spoil func(*Cell)
		want  string // in the promise
	}{
		{"slow median", KubeIPVS, Medium, func(c *Cell) { c.Moves.Latency = Samples{31, 31, 31} }, "p50 ≤ 30 ms"},
		{"slow tail", KubeIPVS, Medium, func(c *Cell) { c.Moves.Latency = Samples{20, 20, 101} }, "p99 ≤ 100 ms"},
		{"grows with size", KubeIPVS, Huge, func(c *Cell) { c.Moves.Latency = Samples{27} }, "≤ 1.3 ×"},
		{"peer not far behind", NFTables, Large, func(c *Cell) { c.Moves.Latency = Samples{399} }, "20 times"},
		{"far from the floor", Floor, Huge, func(c *Cell) { c.Bare.RealServers = 2 }, "kernel's floor"},
		{"peer starts quickly", NFTables, Wide, func(c *Cell) { c.Start.Settled = 119 }, "10 times"},
		{"restart writes", KubeIPVS, Small, func(c *Cell) { c.Restart.Writes = number(1) }, "no row written"},
		{"restart is long", KubeIPVS, Huge, func(c *Cell) { c.Restart.Settled = 5 }, "a third"},
		{"backlog grows", KubeIPVS, Huge, func(c *Cell) { c.Churns[1].Latency = Samples{10, 20, 30} }, "backlog"},
		{"backlog remains", KubeIPVS, Huge, func(c *Cell) { c.Churns[1].Backlog = 1.1 }, "backlog"},
		{"probe is slow", KubeIPVS, Huge, func(c *Cell) { c.Churns[1].Latency = Samples{200, 251, 200} }, "250 ms"},
		{"change is dear", KubeIPVS, Huge, func(c *Cell) { c.Churns[1].CPU = 1.1 }, "CPU per change"},
		{"never idle", KubeIPVS, Huge, func(c *Cell) { c.Idle.Share = 0.11 }, "Idle"},
		{"fat", KubeIPVS, Large, func(c *Cell) { c.Memory.Resident = 61 << 20 }, "60 %"},
		{"very fat", NFTables, Wide, func(c *Cell) { c.Memory.Resident = 99 << 20 }, "60 %"},
		{"starts a process", KubeIPVS, Small, func(c *Cell) { c.Churns[1].Processes = 1 }, "no process"},
		{"slow connections", KubeIPVS, Medium, func(c *Cell) { c.Dataplane.Connections = 85 }, "New connections"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good()
			c, _ := r.Cell(tc.proxy, tc.size)
			tc.spoil(&c)
			r.Put(c)
			for _, target := range r.Targets() {
				want := Met
				if strings.Contains(target.Promise, tc.want) {
					want = Missed
				}
				if target.Verdict != want {
					t.Errorf("%s: %s (%s), want %s", target.Promise, target.Verdict, target.Figure, want)
				}
			}
		})
	}
}

// A peer that was given up shows a ratio only if it is enough.
func TestPeerGivenUp(t *testing.T) {
	for over, want := range map[float64]Verdict{120: Met, 100: Unknown} {
		r := good()
		c, _ := r.Cell(NFTables, Wide)
		c.Start = &Start{Over: over}
		r.Put(c)
		for _, target := range r.Targets() {
			if strings.Contains(target.Promise, "10 times") && (target.Verdict != want || !strings.Contains(target.Figure, "more than")) {
				t.Errorf("over %v s: %s (%s), want %s", over, target.Verdict, target.Figure, want)
			}
		}
	}
}
