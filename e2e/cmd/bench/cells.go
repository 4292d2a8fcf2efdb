package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// cell is what to measure of a proxy at a size, and how long that may take.
type cell struct {
	job      desk.Job
	estimate time.Duration // from a trial, on two emulated processors
}

func (c cell) name() string { return key(c.job.Proxy) + "/" + sizeKey(c.job.Size) }

// limit is when a cell is given up: the steps within have limits of their own,
// so this is only met when something hangs.
func (c cell) limit() time.Duration { return 4*c.estimate + 10*time.Minute }

func key(proxy string) string {
	return map[string]string{
		figures.KubeIPVS: "kube-ipvs", figures.NFTables: "nftables", figures.IPVS: "ipvs", figures.Floor: "floor",
	}[proxy]
}

func sizeKey(s figures.Size) string { return fmt.Sprintf("%dx%d", s.Services, s.Endpoints) }

// Of an endpoint moved there are 50, or as many as fit into the time; 200 where
// they take no time.
const (
	moves     = 50
	fastMoves = 200
)

// full is the whole benchmark, by size. It takes three quarters of an hour.
func full() []cell {
	ours := func(size figures.Size, estimate time.Duration, j desk.Job) cell {
		j.Proxy, j.Size, j.Moves, j.Restart, j.Pause = figures.KubeIPVS, size, fastMoves, true, 100*time.Millisecond
		return cell{j, estimate}
	}
	theirs := func(proxy string, size figures.Size, estimate time.Duration, j desk.Job) cell {
		j.Proxy, j.Size, j.Moves, j.Pause = proxy, size, moves, 1100*time.Millisecond
		return cell{j, estimate}
	}
	floor := func(size figures.Size, estimate time.Duration) cell {
		return cell{desk.Job{Proxy: figures.Floor, Size: size}, estimate}
	}
	minute, both := time.Minute, []int{50, figures.HighRate}
	return []cell{
		ours(figures.Small, minute, desk.Job{}),
		theirs(figures.NFTables, figures.Small, 2*minute, desk.Job{}),
		theirs(figures.IPVS, figures.Small, 2*minute, desk.Job{Restart: true}),
		floor(figures.Small, minute/4),

		ours(figures.Medium, 4*minute, desk.Job{Churn: both, Idle: minute, Dataplane: true}),
		theirs(figures.NFTables, figures.Medium, 6*minute, desk.Job{Churn: both, Idle: minute, Dataplane: true, Restart: true}),
		// Settling takes minutes, and a change ten seconds: churn shows nothing more.
		theirs(figures.IPVS, figures.Medium, 7*minute, desk.Job{Idle: minute, Dataplane: true, StartLimit: 6 * minute}),
		floor(figures.Medium, minute/3),

		ours(figures.Large, minute, desk.Job{}),
		theirs(figures.NFTables, figures.Large, 4*minute, desk.Job{}),
		floor(figures.Large, minute/2),

		ours(figures.Wide, 2*minute, desk.Job{}),
		// More than ten times as long as ours, if it does not settle before.
		theirs(figures.NFTables, figures.Wide, 9*minute, desk.Job{StartLimit: 9 * minute}),
		floor(figures.Wide, minute),

		ours(figures.Huge, 5*minute, desk.Job{Churn: both, Idle: minute}),
		floor(figures.Huge, minute),
	}
}

// quickCells are those that take about five minutes together.
const quickCells = "kube-ipvs/100x10,nftables/100x10,floor/100x10,kube-ipvs/1000x10,nftables/1000x10,floor/1000x10"

// quick are the same cells with fewer of everything, and every step still.
func quick() []cell {
	all := full()
	for i := range all {
		j := &all[i].job
		j.Moves, j.Restart = min(j.Moves, 15), j.Restart && j.Proxy == figures.KubeIPVS
		if len(j.Churn) > 0 {
			j.Churn, j.Idle = []int{figures.HighRate}, 15*time.Second
		}
		j.ChurnFor = 10 * time.Second
		all[i].estimate = min(all[i].estimate, 80*time.Second)
	}
	return all
}

// complete fills in what all cells have.
func complete(c cell, programs programs) cell {
	j := &c.job
	j.At = [2]string{"10.244.2.1", "10.244.2.2"} // the lab's remote Pods
	j.StartLimit = max(j.StartLimit, 4*time.Minute)
	if j.ChurnFor == 0 {
		j.ChurnFor = time.Minute
	}
	j.MovesFor = 2 * time.Minute
	if j.Proxy == figures.KubeIPVS {
		j.Program, j.Version, j.Args = programs.kubeIPVS, programs.kubeIPVSVersion, []string{"--proxy-mode=ipvs"}
		return c
	}
	if j.Proxy == figures.Floor {
		return c
	}
	// Limits of conntrack belong to the whole machine, not to a namespace.
	j.Args = []string{"--conntrack-max-per-core=0", "--conntrack-min=0", "--proxy-mode=" + key(j.Proxy)}
	j.Program, j.Version = programs.kubeProxy, programs.kubeProxyVersion
	return c
}

// choose keeps the cells of which one of the words, which may have stars, is
// the name: "kube-ipvs/1000x10", "nftables/*". No words keep all.
func choose(all []cell, words string) ([]cell, error) {
	if words == "" {
		return all, nil
	}
	var some []cell
	for _, c := range all {
		for word := range strings.SplitSeq(words, ",") {
			match, err := path.Match(word, c.name())
			if err != nil {
				return nil, fmt.Errorf("-cells: %q: %w", word, err)
			}
			if match {
				some = append(some, c)
				break
			}
		}
	}
	if len(some) == 0 {
		var names []string
		for _, c := range all {
			names = append(names, c.name())
		}
		return nil, fmt.Errorf("-cells: %q is none of %s", words, strings.Join(names, " "))
	}
	return some, nil
}
