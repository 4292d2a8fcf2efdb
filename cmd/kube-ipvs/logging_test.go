package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"

	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

func TestStartLogging(t *testing.T) {
	t.Cleanup(func() { _ = startLogging(options.Options{}) })
	if err := startLogging(options.Options{Verbosity: 3, VModule: "logging_test=7"}); err != nil {
		t.Fatal(err)
	}
	if !klog.V(7).Enabled() || klog.V(8).Enabled() {
		t.Error("vmodule does not count")
	}
	if err := startLogging(options.Options{Verbosity: 3}); err != nil {
		t.Fatal(err)
	}
	if !klog.V(3).Enabled() || klog.V(4).Enabled() {
		t.Error("v does not count")
	}
}

// D34: the format is that of all of Kubernetes.
func TestJSONLogs(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = to
	err = startLogging(mustParse(t, "--logging-format=json", "-v=3"))
	klog.V(3).InfoS("Heard", "node", "a")
	klog.V(4).InfoS("Not heard")
	klog.Flush()
	os.Stderr = stderr
	t.Cleanup(func() {
		if err := errors.Join(logsapi.ResetForTest(nil), startLogging(options.Options{})); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	var line struct{ Msg, Node string }
	lines := json.NewDecoder(from)
	if err := lines.Decode(&line); err != nil || line.Msg != "Heard" || line.Node != "a" {
		t.Errorf("%+v, %v", line, err)
	}
	if err := lines.Decode(&line); !errors.Is(err, io.EOF) {
		t.Errorf("then %+v, %v", line, err)
	}
}
