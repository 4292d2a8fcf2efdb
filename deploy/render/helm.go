package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const (
	release   = "kube-ipvs"
	namespace = "kube-system"
)

// readValues reads a file of values as Helm does.
func readValues(file string) (values map[string]any, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return values, nil
}

// helm4 is what `helm template` of Helm 4 prints.
func helm4(chart string, values map[string]any) (string, error) {
	loaded, err := loader.LoadDir(chart)
	if err != nil {
		return "", err
	}
	all, err := util.ToRenderValues(loaded, values, common.ReleaseOptions{Name: release, Namespace: namespace, IsInstall: true}, nil)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		return "", err
	}
	return join(files), nil
}

// join puts the rendered templates into one text in the order in which they can be applied: what is referred to comes first.
func join(files map[string]string) string {
	order := []string{"serviceaccount.yaml", "clusterrole.yaml", "configmap.yaml", "daemonset.yaml"}
	names := slices.Collect(func(yield func(string) bool) {
		for name := range files {
			if path.Ext(name) == ".yaml" && !yield(name) {
				return
			}
		}
	})
	slices.SortFunc(names, func(a, b string) int {
		return slices.Index(order, path.Base(a)) - slices.Index(order, path.Base(b))
	})
	var out strings.Builder
	for _, name := range names {
		if text := strings.TrimSpace(files[name]); text != "" {
			fmt.Fprintf(&out, "---\n%s\n", text)
		}
	}
	return out.String()
}
