package page

import (
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

func run() figures.Run {
	rows := 0.0
	var r figures.Run
	r.Put(figures.Cell{
		Proxy: figures.KubeIPVS, Size: figures.Medium, Machine: "2 × QEMU TCG CPU", Kernel: "6.1",
		Start: &figures.Start{First: 1.5, Settled: 2.25, CPU: 3, Processes: 8}, Restart: &figures.Start{Settled: 0.5, Writes: &rows},
		Memory: &figures.Memory{Resident: 42 << 20, Peak: 50 << 20, Share: 41 << 20},
		Moves:  &figures.Moves{Latency: figures.Samples{20, 30, 40}, Write: figures.Samples{5, 5, 5}},
		Churns: []figures.Churn{{Rate: 50, Changes: 3000, Seconds: 60, Latency: figures.Samples{25}, Backlog: 0.03}},
	})
	r.Put(figures.Cell{
		Proxy: figures.IPVS, Size: figures.Medium, Machine: "2 × QEMU TCG CPU", Kernel: "6.1",
		Start: &figures.Start{First: 10, Over: 300, CPU: 299}, Memory: &figures.Memory{Resident: 84 << 20}, Problem: "too slow\nat this size",
	})
	return r
}

func TestPage(t *testing.T) {
	text := Markdown(run())
	for _, part := range []string{
		"| kube-ipvs | 1,000 × 10 | 1.50 | 2.25 | 3.00 | 8 | 42 |",
		"| kube-proxy ipvs | 1,000 × 10 | 10.0 | over 300 | 299 | 0 | 84 |",
		"| kube-ipvs | 1,000 × 10 | 3 | 30.0 | 40.0 | 40.0 | 40.0 | 5.00 | 0.00 | – | 0 |",
		"| kube-ipvs | 1,000 × 10 | 50 | 50 | 25.0 | 25.0 | 25.0 | 25.0 | 0.03 | 0.00 | 0 |",
		"| kube-ipvs | 1,000 × 10 | 0.50 | 2.25 | 0.00 | 0 | 0 |",
		"- kube-proxy ipvs, 1,000 × 10: too slow\n",
		"p50 ≤ 30 ms | 30.0 ms of 3 moves | met |",
		"![One endpoint moved](moves.svg)",
		"**Machine:** 2 × QEMU TCG CPU, Linux 6.1.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	tables, warnings := strings.Count(text, "| --- |"), strings.Count(text, emulation)
	if tables != warnings || tables != 6 {
		t.Errorf("%d tables, %d caveats, want 6 and one beside each", tables, warnings)
	}
	if strings.Contains(text, "## Idle") {
		t.Error("a section about nothing")
	}
}

func TestEveryChartOfThePageIsDrawn(t *testing.T) {
	r := run()
	text := Markdown(r)
	for name, svg := range Charts(r) {
		if !strings.Contains(text, "("+name+")") {
			t.Errorf("%s is not shown", name)
		}
		if !strings.Contains(svg, "1,000 × 10") {
			t.Errorf("%s has no bar for the size", name)
		}
	}
	if !strings.Contains(Charts(r)["start.svg"], "over 300") {
		t.Error("a start that was given up is not told")
	}
}

func TestReadme(t *testing.T) {
	before, after := "# Title\n", "## Next\n"
	text, err := Readme(before+begin+"old\n"+end+after, run())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, before+begin) || !strings.HasSuffix(text, end+after) || strings.Contains(text, "old") {
		t.Errorf("got\n%s", text)
	}
	if again, err := Readme(text, run()); err != nil || again != text {
		t.Errorf("the second time: %v\n%s", err, again)
	}
	if !strings.Contains(text, "| kube-ipvs | 1,000 × 10 | 2.25 | 3.00 | 30.0 | 40.0 | 42 |") || !strings.Contains(text, emulation) {
		t.Errorf("no table or no caveat in\n%s", text)
	}
	for _, broken := range []string{"", before + begin, before + end} {
		if _, err := Readme(broken, run()); err == nil {
			t.Errorf("%q: want an error", broken)
		}
	}
}

func TestNoCaveatOnARealMachine(t *testing.T) {
	var r figures.Run
	r.Put(figures.Cell{Proxy: figures.KubeIPVS, Size: figures.Medium, Machine: "8 × a real one", Start: &figures.Start{}})
	if text := Markdown(r); strings.Contains(text, emulation) {
		t.Errorf("a caveat in\n%s", text)
	}
}
