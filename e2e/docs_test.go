//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// pages are those that tell users what to run.
var pages = []string{
	"README.md", "docs/cli.md", "docs/configuration.md", "docs/ingress.md", "docs/install.md", "docs/metallb.md",
	"docs/metrics.md", "docs/migration.md", "docs/nodelocaldns.md", "docs/reliability.md", "docs/troubleshooting.md",
}

// programs are the ones that a command in the docs may begin with. With nothing
// behind it such a word is a name.
var programs = []string{
	"kube-ipvs", ".out/kube-ipvs", "kubectl", "helm", "ipvsadm", "ipset", "iptables", "ip6tables", "ip", "nft", "arping",
	"conntrack", "sysctl", "modprobe", "curl",
}

// notHere are commands that cannot run here, or are only spoken of, by their
// beginning.
var notHere = map[string]string{
	".out/kube-ipvs --kubeconfig":                    "the daemon itself, which all tests run",
	".out/kube-ipvs --config":                        "the daemon itself; TestDaemonOfTheManifest runs it with a file",
	"helm":                                           "the chart is linted and rendered in deploy; no registry has it",
	"kubectl -n kube-system logs":                    "there is no kubelet",
	"kubectl -n kube-system exec":                    "there is no kubelet",
	"kubectl -n kube-system rollout":                 "there is no controller of DaemonSets",
	"kubectl -n metallb-system":                      "MetalLB is there in TestMetalLB",
	"kubectl apply -f https://raw.githubusercontent": "MetalLB is there in TestMetalLB",
	"curl http://192.0.2.200/":                       "TestMetalLB asks",
	"arping -b":                                      "TestMetalLB asks",
	"ip -6 neigh flush to":                           "TestMetalLB asks",
	"ip neigh flush":                                 "it is for a client",
	"ip link delete kube-dummy-if":                   "it is for what kube-router leaves",
	"ip kube-proxy":                                  "the name of a table",
	"ipvsadm --clear":                                "spoken of: it takes everybody's",
	"kubectl apply":                                  "spoken of",
	"kubectl exec":                                   "spoken of",
}

var comment = regexp.MustCompile(`\s\s+#\s.*$`)

// commandsOf reads a page: lines of blocks that are in no language, and what
// stands between single backticks.
func commandsOf(t *testing.T, page string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	add := func(words string) {
		first, rest, _ := strings.Cut(words, " ")
		if slices.Contains(programs, first) && rest != "" && !strings.Contains(rest, "…") {
			all = append(all, words)
		}
	}
	block, language, begun := false, "", ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if rest, fence := strings.CutPrefix(line, "```"); fence {
			block, language = !block, rest
			continue
		}
		if !block {
			for i, part := range strings.Split(line, "`") {
				if i%2 == 1 {
					add(part)
				}
			}
			continue
		}
		if language != "" {
			continue
		}
		begun += comment.ReplaceAllString(strings.TrimPrefix(line, "$ "), "")
		if strings.HasSuffix(begun, "|") || strings.HasSuffix(begun, `\`) || strings.Count(begun, "'")%2 == 1 {
			begun = strings.TrimSuffix(begun, `\`) + "\n"
			continue
		}
		add(begun)
		begun = ""
	}
	return all
}

// TestCommandsOfTheDocs runs each command that a page tells its reader to run,
// but for those of which it is said here why not. The last of them remove all.
func TestCommandsOfTheDocs(t *testing.T) {
	c := ownCluster(t)
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	web, dns := s.service("web", endpoints{"p1": ready}), s.service("dns", endpoints{"p1": ready})
	deployed(t, "web")
	path := programsOfTheDocs(t)
	there, err := filepath.Abs("../deploy")
	if err != nil {
		t.Fatal(err)
	}
	const released = "https://github.com/kube-ipvs/kube-ipvs/releases/download/v0.1.0/"
	names := strings.NewReplacer(
		"NAMESPACE/SERVICE", s.name+"/web", "default/web", s.name+"/web", "shop/web", s.name+"/web", " FLAGS", " "+strings.Join(flags(), " "), "NODE", "node",
		"192.0.2.200:80", at(web), "10.96.0.10:53/UDP", at(dns)+"/UDP", ".out/kube-ipvs", "kube-ipvs",
		"curl -L "+released, "curl -L file://"+there+"/", released, there+"/",
	)
	run := func(t *testing.T, command string) {
		t.Helper()
		code, said := c.runOnce(t, lab.Command{
			Path: "sh", Args: []string{"-ec", names.Replace(command)},
			Env: []string{"PATH=" + path + ":" + os.Getenv("PATH"), "KUBECONFIG=" + os.Getenv("E2E_KUBECONFIG")},
		})
		if code != 0 {
			t.Errorf("exit code %d:\n%s", code, said)
		}
	}
	var last []string
	tried := map[string]bool{}
	for _, page := range pages {
		for _, command := range commandsOf(t, page) {
			switch {
			case tried[command] || elsewhere(command):
			case removesAll(command):
				last = append(last, command)
			default:
				t.Run(page+" "+strings.ReplaceAll(command, "\n", " "), func(t *testing.T) { run(t, command) })
			}
			tried[command] = true
		}
	}
	if _, err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, command := range last {
		t.Run(command, func(t *testing.T) { run(t, command) })
	}
}

// removesAll tells whether a command takes away what the daemon has made.
func removesAll(command string) bool {
	return (strings.Contains(command, "--cleanup") || strings.Contains(command, "kube-ipvs cleanup")) && !strings.Contains(command, "--dry-run")
}

func elsewhere(command string) bool {
	for begin := range notHere {
		if strings.HasPrefix(command, begin) {
			return true
		}
	}
	return false
}

// at is the first address and port of a Service.
func at(s *service) string {
	return netip.AddrPortFrom(netip.MustParseAddr(s.Spec.ClusterIP), uint16(s.Spec.Ports[0].Port)).String()
}

// programsOfTheDocs is a folder with those that are not installed.
func programsOfTheDocs(t *testing.T) (folder string) {
	t.Helper()
	daemon, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for name, path := range map[string]string{"kube-ipvs": daemon, "kubectl": os.Getenv("E2E_KUBECTL")} {
		if path, err = filepath.Abs(path); err == nil {
			err = os.Symlink(path, filepath.Join(folder, name))
		}
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
	}
	return folder
}

// deployed is what a cluster has that a page takes for granted: a Deployment, and
// kube-proxy's DaemonSet. No kubelet makes Pods of them here. In the end it is gone,
// and what commands have made.
func deployed(t *testing.T, name string) {
	t.Helper()
	labels := map[string]string{"app": name}
	pods := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: name, Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}}},
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	ctx := within(t, soon)
	_, err := api.AppsV1().Deployments(metav1.NamespaceDefault).Create(ctx,
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Selector: selector, Template: pods}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.AppsV1().DaemonSets(system).Create(ctx,
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "kube-proxy"}, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: pods}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := within(t, soon)
		for _, err := range []error{
			api.AppsV1().Deployments(metav1.NamespaceDefault).Delete(ctx, name, metav1.DeleteOptions{}),
			api.AppsV1().DaemonSets(system).Delete(ctx, "kube-proxy", metav1.DeleteOptions{}),
			api.CoreV1().Services(metav1.NamespaceDefault).Delete(ctx, name, metav1.DeleteOptions{}),
			api.AppsV1().DaemonSets(system).Delete(ctx, "kube-ipvs", metav1.DeleteOptions{}),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}
