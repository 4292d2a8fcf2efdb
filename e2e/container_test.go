//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"

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
	if !d.initialised {
		d.initialised = true
		init, err := d.host.Start(lab.Command{Path: daemon.Path, Args: append(slices.Clone(daemon.Args), "init"), Env: d.env, Log: &d.log})
		if err != nil {
			return lab.Command{}, err
		}
		if code := init.ExitCode(); code != 0 {
			return lab.Command{}, fmt.Errorf("init: exit code %d", code)
		}
	}
	for _, c := range p.spec.Containers {
		if c.Name == "kube-ipvs" {
			return p.inside(&c, append([]string{daemon.Path}, daemon.Args...)), nil
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
	return podIn(folder, &set)
}
