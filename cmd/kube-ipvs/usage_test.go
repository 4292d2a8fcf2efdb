package main

import (
	"testing"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/goldentest"
)

func TestUsage(t *testing.T) { goldentest.File(t, "testdata/usage.txt", usage(newRoot())) }

func TestVersionLine(t *testing.T) {
	if got := versionLine(); got != "kube-ipvs unreleased" {
		t.Errorf("version line %q", got)
	}
}
