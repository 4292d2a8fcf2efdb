//go:build e2e

package e2e

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"
	system        = metav1.NamespaceSystem
)

// pod is one of a DaemonSet in the API, on our node, started as a kubelet does: each container has exactly the arguments, environment,
// capabilities, filter of system calls and mounts of its spec, and a root folder that cannot be written if that says so. Its files are
// those of the image if there is one (E2E_IMAGE), else of this machine.
type pod struct {
	spec    corev1.PodSpec
	config  map[string]string // what the ConfigMap in the API holds
	sources map[string]string // of volumes, by name
	account string            // the folder with token and CA
	root    string            // the folder with the image; empty without
	further []string          // folders of this machine that are seen as they are
}

func newPod(t *testing.T, set *appsv1.DaemonSet) *pod {
	t.Helper()
	p, err := podIn(t.TempDir(), set)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range p.spec.Volumes {
		if v.ConfigMap != nil {
			m, err := api.CoreV1().ConfigMaps(system).Get(within(t, soon), v.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p.config = m.Data
			writeFiles(t, p.sources[v.Name], m.Data)
		}
	}
	writeFiles(t, p.account, map[string]string{"token": token(t, p.spec.ServiceAccountName), "ca.crt": authority(t), "namespace": system})
	return p
}

// podIn has the sources of its volumes in a folder, but for those that every host has; they are empty.
func podIn(folder string, set *appsv1.DaemonSet) (p *pod, err error) {
	p = &pod{spec: set.Spec.Template.Spec, sources: map[string]string{}, account: filepath.Join(folder, "account")}
	if p.root, err = image(); err != nil {
		return nil, err
	}
	err = os.MkdirAll(p.account, 0o755)
	for _, v := range p.spec.Volumes {
		source := filepath.Join(folder, v.Name)
		switch {
		case v.ConfigMap != nil || *v.HostPath.Type == corev1.HostPathDirectoryOrCreate:
			err = errors.Join(err, os.MkdirAll(source, 0o755))
		case *v.HostPath.Type == corev1.HostPathFileOrCreate:
			err = errors.Join(err, os.WriteFile(source, nil, 0o600))
		default:
			source = v.HostPath.Path
		}
		p.sources[v.Name] = source
	}
	return p, err
}

func writeFiles(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// token is one of a service account in kube-system.
func token(t *testing.T, account string) string {
	t.Helper()
	answer, err := api.CoreV1().ServiceAccounts(system).CreateToken(within(t, soon), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Token
}

// authority is the CA of the API server.
func authority(t *testing.T) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	return string(config.Clusters[config.Contexts[config.CurrentContext].Cluster].CertificateAuthorityData)
}

// tokenKubeconfig is a file for a service account.
func tokenKubeconfig(t *testing.T, account string) string {
	t.Helper()
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "https://127.0.0.1:%s", certificate-authority-data: %s}}]
users: [{name: us, user: {token: %s}}]
contexts: [{name: e2e, context: {cluster: e2e, user: us}}]
current-context: e2e
`, os.Getenv("E2E_APISERVER_PORT"), base64.StdEncoding.EncodeToString([]byte(authority(t))), token(t, account))
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{"kubeconfig": text})
	return filepath.Join(folder, "kubeconfig")
}

// container is the one of this name, initial or not.
func (p *pod) container(t *testing.T, name string) *corev1.Container {
	t.Helper()
	for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
		if c.Name == name {
			return &c
		}
	}
	t.Fatalf("no container %s", name)
	return nil
}

// command runs the daemon's program as this container; with words, as one that is executed in it.
func (p *pod) command(t *testing.T, c *corev1.Container, words ...string) lab.Command {
	t.Helper()
	if words == nil {
		words = c.Args
	}
	path, err := p.program()
	if err != nil {
		t.Fatal(err)
	}
	run := slices.Concat(p.environment(t, c), []string{path}, words)
	for i := range run {
		run[i] = strings.ReplaceAll(run[i], "$(NODE_NAME)", "node")
	}
	command, err := p.inside(c, run)
	if err != nil {
		t.Fatal(err)
	}
	return command
}

// inside runs a command, with its environment before it, with the rights of this container and its view of the file system.
func (p *pod) inside(c *corev1.Container, run []string) (command lab.Command, err error) {
	confine, err := harness.Beside("confine")
	if err != nil {
		return command, err
	}
	how := []string{confine, "-capabilities=all"}
	if s := c.SecurityContext; s.Privileged == nil || !*s.Privileged {
		var keep []string
		for _, a := range s.Capabilities.Add {
			keep = append(keep, strings.ToLower(string(a)))
		}
		how[1] = "-capabilities=" + strings.Join(keep, ",")
		if f := cmp.Or(s.SeccompProfile, p.spec.SecurityContext.SeccompProfile); f != nil && f.Type == corev1.SeccompProfileTypeRuntimeDefault {
			how = append(how, "-seccomp")
		}
	}
	if p.root != "" {
		how = append(how, "-root="+p.root)
	}
	return lab.Command{
		Path: "unshare",
		Args: slices.Concat([]string{"--mount", "--propagation", "private", "sh", "-euc", p.mounts(c) + `exec "$@"`, "container"}, how, []string{"--"}, run),
	}, nil
}

// environment is that of the spec, which goes before the one that a kubelet makes of the Service `kubernetes`.
func (p *pod) environment(t *testing.T, c *corev1.Container) []string {
	t.Helper()
	all := []string{
		"PATH=" + p.path(),
		"KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443", "KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1",
	}
	for _, e := range c.Env {
		value := e.Value
		switch from := e.ValueFrom; {
		case from == nil:
		case from.FieldRef != nil && from.FieldRef.FieldPath == "spec.nodeName":
			value = "node"
		case from.ConfigMapKeyRef != nil:
			value = p.config[from.ConfigMapKeyRef.Key]
		default:
			t.Fatalf("%s comes from %v, which no test knows", e.Name, from)
		}
		all = append(all, e.Name+"="+value)
	}
	return all
}

// mounts is a script that makes the container's view of the file system.
func (p *pod) mounts(c *corev1.Container) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	type mount struct {
		source, target string
		readOnly       bool
	}
	all := []mount{{p.account, accountFolder, true}}
	for _, m := range c.VolumeMounts {
		all = append(all, mount{p.sources[m.Name], m.MountPath, m.ReadOnly})
	}
	for _, f := range p.further {
		all = append(all, mount{f, f, true})
	}
	if p.root == "" {
		// Folders for mounts are made where they leave no trace.
		line("mount -t tmpfs none /run; mount -t tmpfs none /var/lib")
	} else {
		line("mount --bind %[1]s %[1]s; for d in proc sys dev; do mkdir -p %[1]s/$d; mount --rbind /$d %[1]s/$d; done", p.root)
	}
	for _, m := range all {
		line(`if [ -d %[1]s ]; then mkdir -p %[2]s; else mkdir -p "$(dirname %[2]s)"; touch %[2]s; fi; mount --rbind %[1]s %[2]s`, m.source, p.root+m.target)
	}
	if s := c.SecurityContext; s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem {
		line(`while read -r _ at _; do case $at in %[1]s/proc*|%[1]s/dev*|%[1]s/sys*) ;; %[1]s/*|"%[1]s") ! mountpoint -q "$at" || mount -o remount,bind,ro "$at" ;; esac; done </proc/self/mounts`, p.root)
	}
	if s := c.SecurityContext; s.Privileged == nil || !*s.Privileged {
		line("mount --bind %[1]s/proc/sys %[1]s/proc/sys; mount -o remount,bind,ro %[1]s/proc/sys; mount -o remount,bind,ro %[1]s/sys", p.root)
	}
	for _, m := range all {
		mode := "rw"
		if m.readOnly {
			mode = "ro"
		}
		// The real folder, below links such as /var/run.
		line(`mount -o remount,bind,%s "$(readlink -f %s)"`, mode, p.root+m.target)
	}
	return b.String()
}
