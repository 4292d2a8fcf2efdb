package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

func TestArgs(t *testing.T) {
	f, p := files("/f"), ports{etcd: 1001, etcdPeer: 1002, apiserver: 1003}
	for _, want := range []string{
		"--data-dir=/f/etcd", "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:1001", "--listen-peer-urls=http://127.0.0.1:1002",
	} {
		if args := etcdArgs(f, p); !slices.Contains(args, want) {
			t.Errorf("etcd: no %s in %q", want, args)
		}
	}
	for _, want := range []string{
		"--etcd-servers=http://127.0.0.1:1001", "--bind-address=127.0.0.1", "--secure-port=1003",
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/108", "--authorization-mode=RBAC",
	} {
		if args := apiserverArgs(f, p); !slices.Contains(args, want) {
			t.Errorf("kube-apiserver: no %s in %q", want, args)
		}
	}
}

func TestFreePorts(t *testing.T) {
	p, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	if p.etcd == 0 || p.etcd == p.etcdPeer || p.etcdPeer == p.apiserver || p.apiserver == p.etcd {
		t.Errorf("ports %+v, want three", p)
	}
}

// startShell starts a server that is a script.
func startShell(t *testing.T, ctx context.Context, lost context.CancelCauseFunc, script string) servers {
	t.Helper()
	var all servers
	log := filepath.Join(t.TempDir(), "sh.log")
	if err := all.start(ctx, lost, "/bin/sh", log, []string{"-c", script}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestServerLost(t *testing.T) {
	ctx, lost := context.WithCancelCause(t.Context())
	all := startShell(t, t.Context(), lost, "echo my last words; exit 9")
	all.wait()
	err := all.complain(context.Cause(ctx))
	for _, want := range []string{"sh has ended (exit code 9)", "my last words"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

func TestServerEnded(t *testing.T) {
	running, end := context.WithCancel(t.Context())
	ctx, lost := context.WithCancelCause(t.Context())
	all := startShell(t, running, lost, "sleep 60 & wait")
	end()
	all.wait()
	if err := context.Cause(ctx); err != nil {
		t.Errorf("ended on purpose, and yet: %v", err)
	}
}

func TestServerNotStarted(t *testing.T) {
	var all servers
	err := all.start(t.Context(), func(error) {}, "/no/such/server", filepath.Join(t.TempDir(), "log"), nil)
	if err == nil || !strings.Contains(err.Error(), "start server") {
		t.Errorf("start = %v, want an error that names the server", err)
	}
	all.wait()
}

// A signal is no reason to show logs.
func TestComplainStopped(t *testing.T) {
	stopped := child.Stopped{Why: "terminated", Code: 143}
	if err := (servers{{name: "etcd", log: "/no/such/log"}}).complain(stopped); !errors.Is(err, stopped) || err.Error() != "terminated" {
		t.Errorf("complain = %v", err)
	}
}

func TestPoll(t *testing.T) {
	answers := []int{http.StatusInternalServerError, http.StatusForbidden, http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	defer server.Close()
	if err := poll(t.Context(), server.Client(), server.URL); err != nil {
		t.Error(err)
	}
	if len(answers) != 0 {
		t.Errorf("%d answers were not waited for", len(answers))
	}
}

func TestPollInVain(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		cancel(errors.New("too late"))
	}))
	defer server.Close()
	err := poll(ctx, server.Client(), server.URL)
	if err == nil || !strings.Contains(err.Error(), "too late") {
		t.Errorf("poll = %v, want an error", err)
	}
}

func TestParse(t *testing.T) {
	bin := t.TempDir()
	if _, _, err := parse([]string{"--", "true"}, bin); err == nil || !strings.Contains(err.Error(), "build.sh") {
		t.Errorf("parse without binaries = %v, want an error that names build.sh", err)
	}
	if err := os.Mkdir(filepath.Join(bin, "metallb"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-proxy", "kubectl", "metallb/controller", "metallb/speaker"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, command, err := parse([]string{"-bin", bin, "--", "vm", "-share=x"}, "/elsewhere")
	if err != nil || got != bin || !slices.Equal(command, []string{"vm", "-share=x"}) {
		t.Errorf("parse = %q, %q, %v", got, command, err)
	}
	if _, _, err := parse([]string{"-bin", bin}, ""); err == nil {
		t.Error("parse without a command: want an error")
	}
}
