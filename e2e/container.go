//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// inContainer tells whether every daemon of these tests is to have the rights and
// the mounts that install.yaml gives it, and no others (make e2e-container).
func inContainer() bool { return os.Getenv("E2E_CONTAINER") != "" }

// contained makes of a daemon's command the same one in the container of
// install.yaml, after what its init container does.
func (d *daemon) contained(daemon lab.Command) (lab.Command, error) {
	p, err := podOfManifest()
	if err != nil {
		return lab.Command{}, err
	}
	path, err := p.program()
	if err != nil {
		return lab.Command{}, err
	}
	daemon.Args = append([]string{path}, daemon.Args...)
	// Other flags are another Pod, with an init container of its own.
	if flags := strings.Join(daemon.Args, " "); flags != d.initialised {
		d.initialised = flags
		init, err := p.inside(&p.spec.InitContainers[0], append(slices.Clone(daemon.Args), "init"))
		if err != nil {
			return lab.Command{}, err
		}
		init.Env, init.Log = slices.Concat(d.env, []string{"PATH=" + p.path()}), &d.Log
		process, err := d.Host.Start(init)
		if err != nil {
			return lab.Command{}, err
		}
		if code := process.ExitCode(); code != 0 {
			return lab.Command{}, fmt.Errorf("init: exit code %d", code)
		}
	}
	for _, c := range p.spec.Containers {
		if c.Name == "kube-ipvs" {
			command, err := p.inside(&c, daemon.Args)
			command.Env = slices.Concat(daemon.Env, []string{"PATH=" + p.path()})
			return command, err
		}
	}
	return lab.Command{}, errors.New("install.yaml has no container kube-ipvs")
}

// podOfManifest is one of the DaemonSet in install.yaml, which no API knows.
func podOfManifest() (*pod, error) {
	text, err := os.Open("../deploy/install.yaml")
	if err != nil {
		return nil, err
	}
	defer text.Close()
	var set appsv1.DaemonSet
	for d := yaml.NewYAMLOrJSONDecoder(text, 4096); set.Kind != "DaemonSet"; {
		set = appsv1.DaemonSet{}
		if err := d.Decode(&set); err != nil {
			return nil, fmt.Errorf("find the DaemonSet in install.yaml: %w", err)
		}
	}
	// Until the machine ends: in a virtual one nothing stays.
	folder, err := os.MkdirTemp("", "pod-")
	if err != nil {
		return nil, err
	}
	// What the API would fill in.
	for i, v := range set.Spec.Template.Spec.Volumes {
		if v.HostPath != nil && v.HostPath.Type == nil {
			set.Spec.Template.Spec.Volumes[i].HostPath.Type = new(corev1.HostPathUnset)
		}
	}
	p, err := podIn(folder, &set)
	if err == nil {
		// What tests hand to the daemon by their paths.
		p.further = []string{filepath.Dir(os.Getenv("E2E_KUBECONFIG")), os.TempDir()}
	}
	return p, err
}

// image is the folder with the files of the image, if there is one to be tried.
var image = sync.OnceValues(func() (folder string, err error) {
	archive := os.Getenv("E2E_IMAGE")
	if archive == "" {
		return "", nil
	}
	// Not below the folder for temporary files, which containers see.
	if folder, err = os.MkdirTemp("/var/lib", "image-"); err != nil {
		return "", err
	}
	if said, err := exec.Command("tar", "-xf", archive, "-C", folder).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack %s: %w: %s", archive, err, said)
	}
	return folder, nil
})

// program is the daemon's as the container sees it.
func (p *pod) program() (string, error) {
	if p.root != "" {
		return "/usr/bin/kube-ipvs", nil
	}
	return built()
}

// path is where the container looks for programs. That of the image stands in
// its configuration (deploy/image).
func (p *pod) path() string {
	if p.root != "" {
		return "/usr/lib/kube-ipvs/nft:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return os.Getenv("PATH")
}
