package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

func main() { child.Main("controlplane", run) }

// run runs the command beside the servers and answers with its exit code.
func run(ctx context.Context) (int, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	cache = filepath.Join(cache, "kube-ipvs")
	bin, command, err := parse(os.Args[1:], filepath.Join(cache, "bin"))
	if err != nil {
		return 0, err
	}
	// Not below /tmp, where a virtual machine would not see the kubeconfig.
	base := filepath.Join(cache, "controlplane")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	return beside(ctx, bin, files(folder), command)
}

func parse(args []string, cache string) (bin string, command []string, err error) {
	flags := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: controlplane [flags] -- COMMAND ARGS...")
		flags.PrintDefaults()
	}
	flags.StringVar(&bin, "bin", cache, "the `folder` with what build.sh has built")
	if err := flags.Parse(args); err != nil {
		return "", nil, err
	}
	if flags.NArg() == 0 {
		return "", nil, errors.New("no command behind the flags")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-proxy", "kubectl", "metallb/controller", "metallb/speaker"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return "", nil, fmt.Errorf("%w (run e2e/cmd/controlplane/build.sh)", err)
		}
	}
	return bin, flags.Args(), nil
}

// beside starts the servers, runs the command and ends the servers.
func beside(ctx context.Context, bin string, f files, command []string) (int, error) {
	begun := time.Now()
	p, err := freePorts()
	if err != nil {
		return 0, err
	}
	if err := f.write(p.apiserver); err != nil {
		return 0, fmt.Errorf("write certificates: %w", err)
	}
	// The servers end after the command, even when it is a signal that ends it.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	var all servers
	defer func() {
		end()
		all.wait()
	}()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)

	for name, args := range map[string][]string{"etcd": etcdArgs(f, p), "kube-apiserver": apiserverArgs(f, p)} {
		if err := all.start(running, lost, filepath.Join(bin, name), f.path(name+".log"), args); err != nil {
			return 0, err
		}
	}
	if err := awaitReady(ctx, f, p.apiserver); err != nil {
		return 0, all.complain(err)
	}
	fmt.Fprintf(os.Stderr, "controlplane: kube-apiserver is ready after %v\n", time.Since(begun).Round(100*time.Millisecond))

	cmd := child.Command(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "E2E_KUBECONFIG="+f.path("kubeconfig"), "E2E_APISERVER_PORT="+strconv.Itoa(p.apiserver),
		"E2E_KUBE_PROXY="+filepath.Join(bin, "kube-proxy"), "E2E_KUBECTL="+filepath.Join(bin, "kubectl"), "E2E_METALLB="+filepath.Join(bin, "metallb"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	code, err := child.Run(cmd)
	if cause := context.Cause(ctx); cause != nil {
		return 0, all.complain(cause)
	}
	return code, err
}

// freePorts finds ports on which no process listens. Another process may take one before we do; then a server does not start,
// and its log says so.
func freePorts() (ports, error) {
	var p ports
	for _, port := range []*int{&p.etcd, &p.etcdPeer, &p.apiserver} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports{}, err
		}
		// All are held until the last is found, so that they differ.
		defer func() { _ = l.Close() }()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}
