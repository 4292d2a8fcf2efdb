//go:build e2e && faults

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// load is what goes through the node while something goes wrong: connections
// from before, and new ones all the time. The last of the clients asks a Pod
// itself: what that one loses is lost by the machine.
type load struct {
	t       *testing.T
	started time.Time
	kept    []held
	asking  []asking
}

// startLoad holds E2E_FAULTS_CONNECTIONS connections, and makes E2E_FAULTS_RATE new ones
// a second.
func (s *space) startLoad(t *testing.T, web *service) *load {
	t.Helper()
	ways := append(s.questions("p3", web.clusterIPs(), lab.TCP), web.onNode("outside", nodeAddrs[:2], lab.TCP)...)
	var questions []question
	for i := range setting(t, "E2E_FAULTS_CONNECTIONS", 1000) {
		questions = append(questions, ways[i%len(ways)])
	}
	l := &load{t: t, kept: hold(t, questions), started: time.Now()}
	direct := ways[0]
	pod := s.Pod("p1")
	direct.to = netip.AddrPortFrom(pod.IPv4, 8080)
	clients := append(slices.Clone(ways), direct)
	every := time.Second * time.Duration(len(clients)) / time.Duration(setting(t, "E2E_FAULTS_RATE", 500))
	for _, q := range clients {
		loop := lab.StartLoop(q.from.Namespace, q.protocol, q.to, lab.Pace{Every: every, Timeout: soon})
		t.Cleanup(func() { loop.Stop() })
		l.asking = append(l.asking, asking{q, loop})
	}
	until(t, l.asking, func(c lab.Counts) bool { return c.Answered() > 5 })
	return l
}

// figures ends the load and tells what was lost. The line is for the table of
// docs/reliability.md.
func (l *load) figures(during string) (lost int) {
	l.t.Helper()
	answered, failed, silence := 0, 0, time.Duration(0)
	last := len(l.asking) - 1
	for i, a := range l.asking {
		c := a.Stop()
		if i == last {
			l.t.Logf("to a Pod itself: %s", c)
			continue
		}
		answered, failed, silence = answered+c.Answered(), failed+c.Failed(), max(silence, c.Silence)
		if c.Failed() > 0 {
			l.t.Logf("%s: %s", a.question, c)
		}
	}
	broken := 0
	for _, h := range l.kept {
		if a, err := h.Ping(); err != nil || a != h.first {
			if broken++; broken == 1 {
				l.t.Logf("%s: first %s, now %v, %v", h.question, h.first, a, err)
			}
		}
	}
	l.t.Logf("faults: | %s, %s | %d of %d | %d of %d | %s |", during, time.Since(l.started).Round(time.Second),
		broken, len(l.kept), failed, answered+failed, silence.Round(time.Millisecond))
	return broken + failed
}

// churn changes endpoints and Services for so long.
// What the load goes to stays.
func (s *space) churn(web *service, d time.Duration) {
	for end, i := time.Now().Add(d), 0; time.Now().Before(end); i++ {
		of := endpoints{"p1": ready, "r1": ready}
		if i%2 == 0 {
			of["p2"] = ready
		}
		web.setEndpoints(of)
		other := s.created(fmt.Sprintf("other-%d", i), endpoints{"p2": ready}, nodePort)
		time.Sleep(50 * time.Millisecond) // the pace of the churn
		other.delete()
	}
}

// TestFaultsUnderLoad counts what is lost while the node is changed, restarted,
// upgraded and spoilt. None may be, but of a flush of IPVS.
func TestFaultsUnderLoad(t *testing.T) {
	for _, c := range []struct {
		name  string
		deed  func(t *testing.T, s *space, web *service)
		loses bool
	}{
		{name: "churn", deed: func(t *testing.T, s *space, web *service) {
			s.churn(web, time.Duration(setting(t, "E2E_FAULTS_CHURN", 60))*time.Second)
		}},
		{name: "ten restarts, killed and told to end by turns", deed: func(t *testing.T, s *space, _ *service) {
			for i := range 10 {
				s.ends(t, i%2 == 0)
				if err := s.start(); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{name: "an upgrade to the next build and back, each beside the other", deed: func(t *testing.T, s *space, _ *service) {
			path, err := built()
			if err != nil {
				t.Fatal(err)
			}
			s.upgrade(t, path+"-next")
			s.upgrade(t, path)
		}},
		{name: "an API outage", deed: outage},
		{name: "a flush of IPVS", loses: true, deed: func(t *testing.T, s *space, _ *service) {
			before := s.mustLook(t)
			s.mustRun(t, "ipvsadm", "-C")
			s.becomes(before)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shared.space(t)
			web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
			l := s.startLoad(t, web)
			c.deed(t, s, web)
			if lost := l.figures(c.name); lost > 0 && !c.loses {
				t.Errorf("%d connections are lost, want none", lost)
			}
		})
	}
}

// ends has the daemon end, one way or the other.
func (s *space) ends(t *testing.T, killed bool) {
	t.Helper()
	if killed {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if code, err := s.Stop(); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
}

// upgrade starts another build beside the daemon, as a surge upgrade does, and
// tells the daemon to end when the other waits for it.
func (s *space) upgrade(t *testing.T, path string) {
	t.Helper()
	said := s.Log.Len()
	next, err := s.Host.Start(lab.Command{Path: path, Args: flags(), Log: &s.Log})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if !strings.Contains(s.Log.Since(said), "waiting for its end") {
			return errors.New("the next build does not wait")
		}
		return nil
	})
	s.ends(t, false)
	s.Process = next
	eventually(t, func() error {
		_, err := s.Get(harness.HealthzURL + "/readyz")
		return err
	})
}

// outage is one of the API server, for everybody on the node.
func outage(t *testing.T, s *space, _ *service) {
	rule := []string{"INPUT", "-i", "lo", "-p", "tcp", "--dport", os.Getenv("E2E_APISERVER_PORT"), "-j", "REJECT"}
	s.mustRun(t, "iptables", append([]string{"-I"}, rule...)...)
	s.relay.Cut()
	time.Sleep(time.Duration(setting(t, "E2E_FAULTS_OUTAGE", 60)) * time.Second) // the outage
	if _, err := s.Get(harness.HealthzURL + "/livez"); err != nil {
		t.Errorf("during an outage of the API: %v", err)
	}
	s.mustRun(t, "iptables", append([]string{"-D"}, rule...)...)
}

// TestSoak changes the cluster for E2E_SOAK_SECONDS and looks at the daemon's memory
// and descriptors: neither may grow.
func TestSoak(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	const samples = 12
	each := time.Duration(setting(t, "E2E_SOAK_SECONDS", 1800)) * time.Second / samples
	var memory, descriptors []int
	for range samples {
		s.churn(web, each)
		m, d := s.uses(t)
		memory, descriptors = append(memory, m), append(descriptors, d)
	}
	t.Logf("soak: | resident memory, KiB | %s |", joined(memory))
	t.Logf("soak: | open descriptors | %s |", joined(descriptors))
	// The first quarter is for warming up.
	early, late := slices.Max(memory[samples/4:samples/2]), slices.Max(memory[3*samples/4:])
	if limit := early + early/10; late > limit {
		t.Errorf("memory grows: from %d KiB to %d, want %d at most", early, late, limit)
	}
	early, late = slices.Max(descriptors[samples/4:samples/2]), slices.Max(descriptors[3*samples/4:])
	if late > early+2 {
		t.Errorf("descriptors grow: from %d to %d", early, late)
	}
}

// joined is what a cell of a table shows of numbers.
func joined(numbers []int) string { return strings.Trim(fmt.Sprint(numbers), "[]") }

// uses is the daemon's resident memory in KiB and its open descriptors.
func (s *space) uses(t *testing.T) (memory, descriptors int) {
	t.Helper()
	of := fmt.Sprintf("/proc/%d/", s.Process.Pid())
	status, err := os.ReadFile(of + "status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &memory); err == nil {
			break
		}
	}
	open, err := os.ReadDir(of + "fd")
	if err != nil {
		t.Fatal(err)
	}
	return memory, len(open)
}
