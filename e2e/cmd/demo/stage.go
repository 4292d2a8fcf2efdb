//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/apistub"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// webPort is where the Pods of web listen.
const webPort = 8000

// asker is the Pod that is never one of web.
const asker = "p4"

// stage is what the story is played on: the lab, the API, and the daemon.
type stage struct {
	daemon string // the program

	lab   *lab.Lab
	took  time.Duration // to build it
	world world
	api   *apistub.Stub
	names map[netip.Addr]string // of the Pods, by address

	folder   string // for the kubeconfig
	listener net.Listener
	process  *lab.Process
	log      transcript
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

// options are the daemon's: as few as a cluster needs.
func (s *stage) options() []string {
	return []string{"--kubeconfig=" + s.kubeconfig(), "--hostname-override=node", "--cluster-cidr=" + podRanges}
}

// podRanges are those of all nodes.
const podRanges = "10.244.0.0/16,fd00:10:244::/48"

// start starts the daemon.
func (s *stage) start() (err error) {
	s.process, err = s.lab.Node.Start(lab.Command{Path: s.daemon, Args: s.options(), Log: &s.log})
	return err
}

// close ends what build and start have begun, however far they came.
func (s *stage) close() error {
	var errs []error
	if s.process != nil {
		code, err := s.process.Stop()
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

// transcript keeps what a process writes.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write never fails.
func (r *transcript) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *transcript) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
