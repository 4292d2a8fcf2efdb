package plan

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var update = flag.Bool("update", false, "rewrite what the files in testdata say is planned")

// world is one file of testdata: all that a node sees.
type world struct {
	node     cluster.Node
	cfg      Config
	services []*v1.Service
	slices   []*discovery.EndpointSlice
	ranges   []netip.Prefix // that cluster addresses come from
	packets  []string

	aliasRanges []netip.Prefix
}

func TestGolden(t *testing.T) {
	for name, path := range files(t) {
		t.Run(name, func(t *testing.T) {
			archive, w := open(t, path)
			rows, remarks := w.plan()
			for _, part := range []struct{ name, planned string }{
				{"answers", lines(w.answers(rows))}, {"rows", lines(rowLines(rows))}, {"remarks", lines(words(remarks))},
			} {
				if *update {
					replace(archive, part.name, part.planned)
				} else if diff := cmp.Diff(section(archive, part.name), part.planned); diff != "" {
					t.Errorf("%s (-%s +planned):\n%s", part.name, path, diff)
				}
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// What was read first never shows in the rows.
func TestOrderNeverShows(t *testing.T) {
	for name, path := range files(t) {
		t.Run(name, func(t *testing.T) {
			_, w := open(t, path)
			want, _ := w.plan()
			for seed := range uint64(20) {
				w.shuffle(rand.New(rand.NewPCG(seed, 0)))
				got, _ := w.plan()
				if diff := cmp.Diff(rowLines(want), rowLines(got)); diff != "" {
					t.Fatalf("seed %d (-before +after):\n%s", seed, diff)
				}
			}
		})
	}
}

// files are those of testdata by name.
func files(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	byName := map[string]string{}
	for _, path := range paths {
		byName[strings.TrimSuffix(filepath.Base(path), ".txtar")] = path
	}
	return byName
}

func open(t *testing.T, path string) (*txtar.Archive, world) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return archive, readWorld(t, archive)
}

// plan carries all Services from the API's objects to rows, as the daemon does.
func (w world) plan() (state.Rows, []cluster.Remark) {
	ownership := NewOwnership(w.cfg.Aliases)
	rows := map[types.NamespacedName]state.Rows{}
	remarks := map[types.NamespacedName][]cluster.Remark{}
	waiting := slices.Clone(w.services)
	for len(waiting) > 0 {
		svc := waiting[0]
		waiting = waiting[1:]
		name := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
		ports, unread := cluster.Ports(svc, w.slicesOf(svc), w.node)
		r := Service(Ask{name, svc.CreationTimestamp.Time, ports, unread}, w.node, w.cfg, ownership)
		rows[name], remarks[name] = r.Rows, r.Remarks
		for _, other := range r.Upset {
			i := slices.IndexFunc(w.services, func(s *v1.Service) bool { return s.Namespace == other.Namespace && s.Name == other.Name })
			waiting = append(waiting, w.services[i])
		}
	}
	all := RangeRows(w.ranges)
	var said []cluster.Remark
	for name := range rows {
		maps.Copy(all.Members, rows[name].Members)
		maps.Copy(all.VirtualServers, rows[name].VirtualServers)
		maps.Copy(all.RealServers, rows[name].RealServers)
		maps.Copy(all.Addresses, rows[name].Addresses)
		maps.Copy(all.HealthPorts, rows[name].HealthPorts)
		said = append(said, remarks[name]...)
	}
	slices.SortFunc(said, cluster.Remark.Compare)
	return all, said
}

func (w world) slicesOf(svc *v1.Service) (own []*discovery.EndpointSlice) {
	for _, s := range w.slices {
		if s.Namespace == svc.Namespace && s.Labels[discovery.LabelServiceName] == svc.Name {
			own = append(own, s)
		}
	}
	return own
}

func (w world) shuffle(rng *rand.Rand) {
	mix(rng, w.services)
	mix(rng, w.slices)
	mix(rng, w.node.Addresses)
	mix(rng, w.node.NodePortAddresses)
	mix(rng, w.node.HealthAddresses)
	mix(rng, w.cfg.Families)
	for _, s := range w.services {
		mix(rng, s.Spec.Ports)
		mix(rng, s.Spec.ExternalIPs)
		mix(rng, s.Status.LoadBalancer.Ingress)
	}
	for _, s := range w.slices {
		mix(rng, s.Ports)
		mix(rng, s.Endpoints)
	}
}

func mix[T any](rng *rand.Rand, all []T) {
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

func readWorld(t *testing.T, archive *txtar.Archive) world {
	t.Helper()
	var node struct {
		Name, Zone                   string
		Addresses, NodePortAddresses []netip.Addr
		HealthAddresses              []netip.Addr
		Scheduler                    string
		Families                     []int
		ServeNodeAddresses           bool
		Ranges                       []netip.Prefix
		Lacking                      []string
		ExcludeServiceCIDRs          []netip.Prefix
		Allowed                      Allowed
		Guard                        Guard
		AliasRanges                  []netip.Prefix
		Occupied                     map[netip.Prefix]string
	}
	decode(t, section(archive, "node.yaml"), &node)
	w := world{
		node:   cluster.Node{Name: node.Name, Zone: node.Zone, Addresses: node.Addresses, NodePortAddresses: node.NodePortAddresses, HealthAddresses: node.HealthAddresses},
		cfg:    Config{Scheduler: node.Scheduler, ServeNodeAddresses: node.ServeNodeAddresses, ExcludeServiceCIDRs: node.ExcludeServiceCIDRs, Allowed: node.Allowed, Guard: node.Guard, Aliases: state.AliasesIn(node.AliasRanges), Occupied: NewNetworks(node.Occupied)},
		ranges: node.Ranges,

		aliasRanges: node.AliasRanges,
		services:    documents[v1.Service](t, section(archive, "services.yaml")),
		slices:      documents[discovery.EndpointSlice](t, section(archive, "slices.yaml")),
	}
	for _, name := range node.Lacking {
		w.cfg.Lacking = map[string]bool{name: true}
	}
	for _, f := range node.Families {
		w.cfg.Families = append(w.cfg.Families, ipset.Family(f))
	}
	if packets := strings.TrimSpace(section(archive, "packets")); packets != "" {
		w.packets = strings.Split(packets, "\n")
	}
	return w
}

func documents[T any](t *testing.T, data string) (all []*T) {
	t.Helper()
	for doc := range strings.SplitSeq(data, "---\n") {
		if strings.TrimSpace(doc) != "" {
			one := new(T)
			decode(t, doc, one)
			all = append(all, one)
		}
	}
	return all
}

func decode(t *testing.T, data string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(data), into); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
}

// section is the text of one part of the archive, empty if it is not there.
func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// replace leaves out a part that would be empty.
func replace(archive *txtar.Archive, name, text string) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if text != "" {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
	}
}

func rowLines(rows state.Rows) []string {
	text := strings.TrimSuffix(rows.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func words[T fmt.Stringer](things []T) (all []string) {
	for _, thing := range things {
		all = append(all, thing.String())
	}
	return all
}

func lines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}
