package main

import (
	"fmt"
	"strings"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = "unreleased"

// usage is the answer to --help.
func usage() string {
	var text strings.Builder
	text.WriteString("kube-ipvs serves Kubernetes Services on this node with IPVS.\n" +
		"It takes the flags and the configuration file of kube-proxy.\n\n" +
		"Usage:\n  kube-ipvs [flags]\n  kube-ipvs cleanup [flags]\n")
	line := newCommandLine()
	for _, g := range groups {
		fmt.Fprintf(&text, "\n%s:\n%s", g, line.flags(g).FlagUsages())
	}
	return text.String()
}

// versionLine is the answer to --version.
func versionLine() string { return "kube-ipvs " + version }
