package proxier_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts runs the whole daemon, with a cluster and a kernel in memory and
// no real clock, through the scripts of testdata. In front of the first file
// of a script stand its commands, one a line:
//
//	apply FILE            put the objects of a YAML file into the cluster
//	delete NS/NAME        take a Service out
//	node ADDRESS…         change the node's addresses
//	zone NAME             move the node into a zone
//	ranges CIDR…          change the networks that cluster addresses come from
//	pods CIDR…            the Node names these as the networks of its Pods
//	schedulers NAME…      the kernel has these and no other
//	wait DURATION         let time pass
//	fail N CALL…          let the next N calls of this name fail
//	connect N ADDR:PORT   that real server has N connections, wherever it is one
//	drift WHAT            flush | forget KIND: remove rows behind the daemon's back
//	restart CIDR…         stop the daemon and start another one, whose node ports answer within these
//	kernel FILE           the kernel holds exactly these rows
//	moment FILE           the same, in passing: not asked for when calls fail
//	healthy BOOL          the livez test says so
//	events FILE           exactly these Events were noted since last asked
//	calls FILE            exactly these calls were made since last asked
//
// and those of look.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { newScript(t, archive).run() })
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestScriptsWithFaults runs the same scripts with one call in ten failing.
// What the kernel holds in the end is the same; which calls it took is not.
func TestScriptsWithFaults(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, archive)
				s.faults = true
				s.run()
			})
		})
	}
}

type script struct {
	t       *testing.T
	archive *txtar.Archive
	api     *fakeCluster
	kernel  *kerneltest.Kernel
	cfg     proxier.Config
	health  *health.Health
	proxier *proxier.Proxier
	stop    func()
	faults  bool
	broken  string // how the machine is seen
}

func newScript(t *testing.T, archive *txtar.Archive) *script {
	return &script{
		t: t, archive: archive, api: newFakeCluster(), cfg: testConfig,
		kernel: kerneltest.New(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")),
	}
}

var testConfig = proxier.Config{NodeName: "node-a", Scheduler: "rr", SyncPeriod: 30 * time.Second, DrainTimeout: 15 * time.Minute, PodsOfNode: true}

// start runs a daemon until s.stop is called.
func (s *script) start() {
	if s.faults {
		s.kernel.FailAtRate(0.1)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	s.health = health.New(2*testConfig.SyncPeriod, "IPv4", "IPv6")
	p := proxier.New(s.cfg, proxier.Parts{
		API: s.api, Changes: s.api.changes, Kernel: s.kernel, Health: s.health, Events: s.api, HealthPorts: s.kernel.HealthPorts(),
	})
	s.proxier = p
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
		s.kernel.Drift(func(r *state.Rows) { clear(r.HealthPorts) })
	}
}

func (s *script) run() {
	s.start()
	lines := bufio.NewScanner(strings.NewReader(string(s.archive.Comment)))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.command(words); err != nil {
			s.t.Errorf("line %d: %s: %v", n, line, err)
		}
		synctest.Wait()
	}
	s.stop()
}

func (s *script) command(words []string) error {
	switch rest := words[1:]; words[0] {
	case "apply":
		return s.api.apply(s.file(rest[0]))
	case "delete":
		s.api.remove(rest[0])
	case "node":
		var addrs []netip.Addr
		for _, a := range rest {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		s.kernel.SetNodeAddresses(addrs...)
	case "zone":
		s.api.setZone(rest[0])
	case "ranges":
		s.api.setRanges(rest...)
	case "pods":
		s.api.setPods(rest...)
	case "schedulers":
		s.kernel.SetSchedulers(rest...)
	case "wait":
		d, err := time.ParseDuration(rest[0])
		time.Sleep(d) // the clock is synctest's
		return err
	case "fail":
		n, err := strconv.Atoi(rest[0])
		s.kernel.Fail(strings.Join(rest[1:], " "), n)
		return err
	case "connect":
		n, err := strconv.Atoi(rest[0])
		defer s.settle()()
		s.kernel.Connect(netip.MustParseAddrPort(rest[1]), n)
		return err
	case "drift":
		s.kernel.Drift(func(r *state.Rows) { drift(r, strings.Join(rest, " ")) })
	case "restart":
		s.cfg.NodePorts = proxier.NodePorts{}
		for _, r := range rest {
			s.cfg.NodePorts.Within = append(s.cfg.NodePorts.Within, netip.MustParsePrefix(r))
		}
		s.stop()
		s.start()
	case "moment":
		if !s.faults {
			s.same(rest[0], s.kernel.Rows().String())
		}
	case "kernel":
		defer s.settle()()
		s.same(rest[0], s.kernel.Rows().String())
	case "events":
		s.same(rest[0], s.api.told())
	case "calls":
		if calls := s.kernel.Calls(); !s.faults {
			s.same(rest[0], calls)
		}
	case "healthy":
		if got := fmt.Sprint(s.health.Report(time.Now()).Healthy); !s.faults && got != rest[0] {
			return fmt.Errorf("healthy is %s", got)
		}
	default:
		return s.look(words)
	}
	return nil
}

// settle gives what fails the time to succeed, until it is told to go on.
func (s *script) settle() (goOn func()) {
	if !s.faults {
		return func() {}
	}
	s.kernel.FailAtRate(0)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	return func() { s.kernel.FailAtRate(0.1) }
}

func drift(r *state.Rows, what string) {
	switch what {
	case "flush":
		clear(r.VirtualServers)
		clear(r.RealServers)
	case "forget addresses":
		clear(r.Addresses)
	case "forget members":
		clear(r.Members)
	case "weigh 0":
		for k := range maps.Clone(r.RealServers) {
			r.RealServers[k] = 0
		}
	}
}

func (s *script) file(name string) string {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	if !*update {
		s.t.Errorf("the script has no file %s", name)
	}
	return ""
}

func (s *script) same(name, got string) {
	if !*update || s.faults {
		if diff := cmp.Diff(s.file(name), got); diff != "" {
			s.t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		return
	}
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == name {
			s.archive.Files[i].Data = []byte(got)
			return
		}
	}
	s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: []byte(got)})
}
