//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/apistub"
	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// webPort is where the Pods of web listen.
const webPort = 8000

// asker is the Pod that is never one of web.
const asker = "p4"

// stage is what the story is played on: the lab, the API, and the daemon.
type stage struct {
	path   string // of the daemon
	daemon harness.Program

	lab   *lab.Lab
	took  time.Duration // to build it
	world world
	api   *apistub.Stub
	names map[netip.Addr]string // of the Pods, by address

	folder   string // for the kubeconfig
	listener net.Listener
}

// build does everything but start the daemon.
func (s *stage) build(objects string) (err error) {
	if s.world, err = readWorld(objects); err != nil {
		return err
	}
	begin := time.Now()
	if s.lab, err = lab.New(lab.Options{Pods: 4}); err != nil {
		return err
	}
	s.names = map[netip.Addr]string{}
	for _, p := range slices.Concat(s.lab.Node.Pods, s.lab.Node2.Pods) {
		if err := p.Serve(webPort); err != nil {
			return err
		}
		s.names[p.IPv4], s.names[p.IPv6] = p.Name, p.Name
	}
	s.took = time.Since(begin)
	return s.serveAPI()
}

// serveAPI puts the API at a loopback address of the node.
func (s *stage) serveAPI() (err error) {
	s.api = apistub.New()
	for _, obj := range s.world.objects() {
		if err := s.api.Set(obj); err != nil {
			return err
		}
	}
	if s.listener, err = s.lab.Node.Listen(lab.TCP, netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		return err
	}
	go func() { _ = http.Serve(s.listener, s.api) }() // ends with the listener
	if s.folder, err = os.MkdirTemp("", "kube-ipvs-demo-"); err != nil {
		return err
	}
	return apistub.WriteKubeconfig(s.kubeconfig(), "http://"+s.listener.Addr().String())
}

func (s *stage) kubeconfig() string { return filepath.Join(s.folder, "kubeconfig") }

// setup is what a proxy is told. The API speaks JSON only.
func (s *stage) setup() harness.Setup {
	return harness.Setup{Kubeconfig: s.kubeconfig(), Node: "node", ContentType: "application/json"}
}

// options are the daemon's: as few as a cluster needs.
func (s *stage) options() []string { return s.setup().Flags() }

// start starts the daemon.
func (s *stage) start() error {
	s.daemon.Host = s.lab.Node.Namespace
	return s.daemon.Spawn(lab.Command{Path: s.path, Args: s.options()})
}

// close ends what build and start have begun, however far they came.
func (s *stage) close() error {
	var errs []error
	if s.daemon.Process != nil {
		code, err := s.daemon.Stop()
		if err == nil && code != 0 {
			err = fmt.Errorf("kube-ipvs ended with exit code %d, not 0", code)
		}
		errs = append(errs, err)
	}
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	if s.lab != nil {
		errs = append(errs, s.lab.Close())
	}
	return errors.Join(errs...)
}
