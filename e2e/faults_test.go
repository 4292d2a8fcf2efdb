//go:build e2e && faults

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
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
	l.t.Logf("figure | %s, %s | %d connections, %d lost | %d new ones, %d lost, longest silence %s |", during,
		time.Since(l.started).Round(time.Second), len(l.kept), broken, answered+failed, failed, silence.Round(time.Millisecond))
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

// TestFaultsUnderLoad counts what is lost while the node is changed, restarted
// and spoilt. None may be, but of a flush of IPVS.
func TestFaultsUnderLoad(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	for _, c := range []struct {
		name  string
		deed  func(t *testing.T)
		loses bool
	}{
		{name: "churn", deed: func(t *testing.T) { s.churn(web, time.Duration(setting(t, "E2E_FAULTS_CHURN", 60))*time.Second) }},
		{name: "ten restarts", deed: func(t *testing.T) {
			for i := range 10 {
				if i%2 == 0 {
					if err := s.process.Kill(); err != nil {
						t.Fatal(err)
					}
				} else if _, err := s.process.Stop(); err != nil {
					t.Fatal(err)
				}
				if err := s.start(); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{name: "an API outage", deed: func(t *testing.T) {
			rule := []string{"INPUT", "-i", "lo", "-p", "tcp", "--dport", os.Getenv("E2E_APISERVER_PORT"), "-j", "REJECT"}
			s.mustRun(t, "iptables", append([]string{"-I"}, rule...)...)
			s.relay.Cut()
			time.Sleep(time.Duration(setting(t, "E2E_FAULTS_OUTAGE", 60)) * time.Second) // the outage
			if _, err := s.get(healthz + "/livez"); err != nil {
				t.Errorf("during an outage of the API: %v", err)
			}
			s.mustRun(t, "iptables", append([]string{"-D"}, rule...)...)
		}},
		{name: "a flush of IPVS", loses: true, deed: func(t *testing.T) {
			before := s.mustLook(t)
			s.mustRun(t, "ipvsadm", "-C")
			s.becomes(before)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := s.startLoad(t, web)
			c.deed(t)
			if lost := l.figures(c.name); lost > 0 && !c.loses {
				t.Errorf("%d connections are lost during %s, want none", lost, c.name)
			}
		})
	}
}

func (s *space) mustRun(t *testing.T, program string, args ...string) {
	t.Helper()
	if _, err := s.host.Run(program, args...); err != nil {
		t.Fatal(err)
	}
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
	t.Logf("figure | memory in KiB | %v |", memory)
	t.Logf("figure | descriptors | %v |", descriptors)
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

// uses is the daemon's resident memory in KiB and its open descriptors.
func (s *space) uses(t *testing.T) (memory, descriptors int) {
	t.Helper()
	of := fmt.Sprintf("/proc/%d/", s.process.Pid())
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
