//go:build e2e

package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// setting is a number that the caller may choose.
func setting(t *testing.T, name string, usual int) int {
	t.Helper()
	text, set := os.LookupEnv(name)
	if !set || text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestKilledAtRandom kills the daemon at a random moment of its life, again and
// again, while Services change. In the end the kernel is what it was before, and
// connections from before live (F5). E2E_KILLS says how often.
func TestKilledAtRandom(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	var others []*service
	for _, name := range []string{"a", "b", "c", "d"} {
		others = append(others, s.created(name, endpoints{"p2": ready}, nodePort))
	}
	for _, o := range others {
		o.untilOnly("p2")
	}
	before := s.mustLook(t)
	kept := hold(t, append(s.questions("p3", web.clusterIPs(), lab.TCP), web.onNode("outside", nodeAddrs[:2], lab.TCP)...))
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	kills := setting(t, "E2E_KILLS", 15)
	for i := range kills {
		if err = s.Spawn(lab.Command{Path: path, Args: flags()}); err != nil {
			t.Fatal(err)
		}
		// While it starts: it finds the change in its first list, or hears of it.
		o := others[i%len(others)]
		if i/len(others)%2 == 0 {
			o.setEndpoints(endpoints{"r1": ready, "p1": ready})
		} else {
			o.setEndpoints(endpoints{"p2": ready})
		}
		select {
		case <-s.Process.Done():
			t.Fatalf("after %d kills the daemon ends by itself with exit code %d", i, s.Process.ExitCode())
		case <-time.After(time.Duration(random.Int64N(int64(life)))):
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range others {
		o.setEndpoints(endpoints{"p2": ready})
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	s.becomes(before)
	broken := 0
	for _, h := range kept {
		if a, err := h.Ping(); err != nil || a != h.first {
			t.Errorf("%s: first %s, now %v, %v", h.question, h.first, a, err)
			broken++
		}
	}
	t.Logf("faults: | killed %d times at a random moment | %d of %d | – | – |", kills, broken, len(kept))
}

// life is how long the daemon has at most: it begins to write after about a
// second in an emulated machine, and is done soon after.
const life = 2 * time.Second
