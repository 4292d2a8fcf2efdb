package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

func TestBudgets(t *testing.T) {
	fast, err := choose(quick(), quickCells)
	if err != nil || len(fast) != 1+strings.Count(quickCells, ",") {
		t.Errorf("%d cells, %v; want %s", len(fast), err, quickCells)
	}
	for name, tc := range map[string]struct {
		cells  []cell
		budget time.Duration
	}{"full": {full(), 50 * time.Minute}, "quick": {fast, 7 * time.Minute}} {
		sum, seen := time.Duration(0), map[string]bool{}
		for _, c := range tc.cells {
			sum += c.estimate
			if seen[c.name()] {
				t.Errorf("%s: %s twice", name, c.name())
			}
			seen[c.name()] = true
		}
		if sum > tc.budget {
			t.Errorf("%s takes about %s, want at most %s", name, sum, tc.budget)
		}
	}
}

// Every target is about something that the full benchmark measures.
func TestFullMeasuresWhatTargetsAreAbout(t *testing.T) {
	measured := map[string]cell{}
	for _, c := range full() {
		measured[c.name()] = c
	}
	for _, name := range []string{
		"kube-ipvs/100x10", "kube-ipvs/1000x10", "kube-ipvs/5000x10", "kube-ipvs/10000x10", "kube-ipvs/5000x50",
		"nftables/1000x10", "nftables/5000x10", "nftables/5000x50", "ipvs/1000x10", "floor/10000x10",
	} {
		if _, ok := measured[name]; !ok {
			t.Errorf("no cell %s", name)
		}
	}
	for _, name := range []string{"kube-ipvs/10000x10", "nftables/1000x10"} {
		if c := measured[name]; len(c.job.Churn) == 0 || c.job.Churn[len(c.job.Churn)-1] != figures.HighRate {
			t.Errorf("%s: churn %v", name, c.job.Churn)
		}
	}
}

func TestChoose(t *testing.T) {
	for words, want := range map[string]string{
		"kube-ipvs/100x10":         "kube-ipvs/100x10",
		"*/100x10":                 "kube-ipvs/100x10 nftables/100x10 ipvs/100x10 floor/100x10",
		"ipvs/*,floor/100x10":      "ipvs/100x10 floor/100x10 ipvs/1000x10",
		"ipvs/1000x10,ipvs/100*10": "ipvs/100x10 ipvs/1000x10",
	} {
		some, err := choose(full(), words)
		var names []string
		for _, c := range some {
			names = append(names, c.name())
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", words, got, err, want)
		}
	}
	if all, err := choose(full(), ""); err != nil || len(all) != len(full()) {
		t.Errorf("no words: %d cells, %v", len(all), err)
	}
	for _, words := range []string{"iptables/100x10", "["} {
		if _, err := choose(full(), words); err == nil || !strings.Contains(err.Error(), "-cells") {
			t.Errorf("%s: %v, want an error that names the flag", words, err)
		}
	}
}

func TestComplete(t *testing.T) {
	p := programs{kubeIPVS: "/k", kubeIPVSVersion: "v1", kubeProxy: "/p", kubeProxyVersion: "v2"}
	for _, c := range full() {
		j := complete(c, p).job
		mode := strings.Join(j.Args, " ")
		switch j.Proxy {
		case figures.KubeIPVS:
			if j.Program != "/k" || j.Version != "v1" || mode != "--proxy-mode=ipvs" {
				t.Errorf("%s: %s %s %s", c.name(), j.Program, j.Version, mode)
			}
		case figures.NFTables, figures.IPVS:
			if j.Program != "/p" || j.Version != "v2" || !strings.HasSuffix(mode, "--proxy-mode="+key(j.Proxy)) {
				t.Errorf("%s: %s %s %s", c.name(), j.Program, j.Version, mode)
			}
		}
		if j.StartLimit == 0 || j.ChurnFor == 0 || j.MovesFor == 0 {
			t.Errorf("%s: no limits: %+v", c.name(), j)
		}
	}
}

// A cell that was broken off, or of which a step has failed, is measured again.
func TestUndone(t *testing.T) {
	var r figures.Run
	all := full()
	r.Put(figures.Cell{Proxy: all[0].job.Proxy, Size: all[0].job.Size, Whole: true})
	r.Put(figures.Cell{Proxy: all[1].job.Proxy, Size: all[1].job.Size, Start: &figures.Start{}})
	r.Put(figures.Cell{Proxy: all[2].job.Proxy, Size: all[2].job.Size, Whole: true, Problem: "moves: refused"})
	todo := undone(all, r)
	if len(todo) != len(all)-1 || todo[0].name() != all[1].name() || todo[1].name() != all[2].name() {
		t.Errorf("%d of %d cells, the first %s", len(todo), len(all), todo[0].name())
	}
}

// What is written can be read, and the rest is written beside it.
func TestResultsAreKept(t *testing.T) {
	folder := t.TempDir()
	opts := options{out: filepath.Join(folder, "out"), readme: filepath.Join(folder, "README.md")}
	if err := os.WriteFile(opts.readme, []byte("<!-- bench:begin -->\n<!-- bench:end -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(opts.out, "results.json")
	r, err := read(file)
	if err != nil || len(r.Cells) > 0 {
		t.Errorf("no results yet: %v, %v", r, err)
	}
	zero := 0.0
	r.Put(figures.Cell{Proxy: figures.KubeIPVS, Size: figures.Small, Start: &figures.Start{Settled: 2}, Restart: &figures.Start{Writes: &zero}})
	r.Put(figures.Cell{Proxy: figures.Floor, Size: figures.Small, Bare: &figures.Bare{List: 1}})
	if err := write(opts, file, r); err != nil {
		t.Fatal(err)
	}
	again, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(r)
	after, _ := json.Marshal(again)
	if string(before) != string(after) {
		t.Errorf("written %s\nread %s", before, after)
	}
	for _, name := range []string{"README.md", "start.svg", "moves.svg", "churn.svg", "memory.svg"} {
		if _, err := os.Stat(filepath.Join(opts.out, name)); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(opts.readme); err != nil || !strings.Contains(string(text), "| kube-ipvs | 100 × 10 |") {
		t.Errorf("%v\n%s", err, text)
	}
}
