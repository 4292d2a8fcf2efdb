package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = "unreleased"

const introduction = "kube-ipvs serves Kubernetes Services on this node with IPVS.\n" +
	"It takes the flags and the configuration file of kube-proxy."

// usage is the answer to --help.
func usage(root *cobra.Command) string {
	var text strings.Builder
	text.WriteString(introduction + "\n\nUsage:\n  kube-ipvs [flags]\n  kube-ipvs VERB [flags]\n\nVerbs:\n")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			fmt.Fprintf(&text, "  %-12s %s\n", c.Name(), c.Short)
		}
	}
	text.WriteString(options.Usages())
	return text.String()
}

// versionLine is the answer to --version.
func versionLine() string { return "kube-ipvs " + version }
