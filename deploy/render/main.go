package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// manifest is a file that is rendered from the chart.
type manifest struct {
	file   string
	values string // a file, or empty for the chart's own
}

// manifests are all of them.
var manifests = []manifest{
	{file: "install.yaml", values: "render/install-values.yaml"},
	{file: "kustomize/base/kube-ipvs.yaml", values: "render/install-values.yaml"},
	{file: "kubeadm.yaml", values: "examples/kubeadm.yaml"},
	{file: "uninstall.yaml", values: "render/uninstall-values.yaml"},
}

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a manifest is not up to date")
	flag.Parse()
	deploy := "."
	if flag.NArg() > 0 {
		deploy = flag.Arg(0)
	}
	if err := run(deploy, *check); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(deploy string, check bool) error {
	for _, m := range manifests {
		text, err := m.render(deploy)
		if err != nil {
			return err
		}
		path := filepath.Join(deploy, m.file)
		if !check {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
			continue
		}
		held, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(held, text) {
			return fmt.Errorf("%s is not what the chart makes: run make deploy", m.file)
		}
	}
	return nil
}

// render is the text of the manifest.
func (m manifest) render(deploy string) ([]byte, error) {
	values, err := readValues(filepath.Join(deploy, m.values))
	if err != nil {
		return nil, err
	}
	objects, err := helm4(filepath.Join(deploy, "chart"), values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.file, err)
	}
	head := fmt.Sprintf("# Rendered from the chart in deploy/chart with deploy/%s by `make deploy`: do not edit.\n", m.values)
	return append([]byte(head), objects...), nil
}
