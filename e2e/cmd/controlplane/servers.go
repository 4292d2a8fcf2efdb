package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// ports are where the servers listen, on the host's loopback only.
type ports struct {
	etcd, etcdPeer, apiserver int
}

// etcdArgs tunes etcd for data that will not be missed.
func etcdArgs(f files, p ports) []string {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", p.etcd), fmt.Sprintf("http://127.0.0.1:%d", p.etcdPeer)
	return []string{
		"--name=e2e",
		"--data-dir=" + f.path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=e2e=" + peer,
		"--log-level=warn",
	}
}

func apiserverArgs(f files, p ports) []string {
	return []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", p.etcd),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", p.apiserver),
		// The endpoint of the Service `kubernetes` may not be a loopback address.
		"--advertise-address=10.0.2.2",
		"--tls-cert-file=" + f.path("apiserver.crt"),
		"--tls-private-key-file=" + f.path("apiserver.key"),
		"--client-ca-file=" + f.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.path("service-accounts.key"),
		"--service-account-signing-key-file=" + f.path("service-accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/108",
		"--authorization-mode=RBAC",
		"--allow-privileged=true", // as in every cluster whose nodes have agents
		// Pods would have to wait for service accounts that no controller makes.
		"--disable-admission-plugins=ServiceAccount",
		"--profiling=false",
	}
}

// servers are those that were started.
type servers []server

type server struct {
	name string
	log  string
	gone chan struct{} // closed when it has ended
}

// start starts the binary of one more server, until ctx ends. When it ends of itself, it is lost.
func (all *servers) start(ctx context.Context, lost context.CancelCauseFunc, bin, log string, args []string) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	s := server{filepath.Base(bin), log, make(chan struct{})}
	cmd := child.Command(ctx, bin, args...)
	// Nothing is worth a slow end in good order.
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	*all = append(*all, s)
	go func() {
		defer close(s.gone)
		code, _ := child.Wait(cmd)
		if ctx.Err() == nil {
			lost(lostServer{s, code})
		}
	}()
	return nil
}

// wait waits until all have ended.
func (all servers) wait() {
	for _, s := range all {
		<-s.gone
	}
}

// lostServer is the early end of a server.
type lostServer struct {
	server
	code int
}

func (l lostServer) Error() string { return fmt.Sprintf("%s has ended (exit code %d)", l.name, l.code) }

// complain adds to err the ends of the logs that may explain it.
func (all servers) complain(err error) error {
	if errors.As(err, new(child.Stopped)) {
		return err
	}
	for _, s := range all {
		if lost := (lostServer{}); errors.As(err, &lost) && lost.name != s.name {
			continue
		}
		text, readErr := os.ReadFile(s.log)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		lines = lines[max(0, len(lines)-20):]
		err = errors.Join(err, fmt.Errorf("the log of %s ends:\n%s", s.name, strings.Join(lines, "\n")), readErr)
	}
	return err
}
