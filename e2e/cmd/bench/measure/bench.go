//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	clientPod = "p3"
	warmPod   = "p2"
	port      = 80
)

// bench is one cell in the making.
type bench struct {
	job   desk.Job
	outer desk.Outer
	cell  figures.Cell

	lab    *lab.Lab
	relay  *lab.Relay
	execs  *execs
	proxy  *proxy
	probes []netip.AddrPort
	at     []int // where each probe's endpoint is, of job.At
}

func newBench(job desk.Job, outer desk.Outer) (b *bench, err error) {
	b = &bench{job: job, outer: outer, at: make([]int, len(job.Probes))}
	b.cell = figures.Cell{
		Proxy: job.Proxy, Size: job.Size, Version: job.Version,
		Kernel: lab.KernelRelease(), Machine: processors(), When: time.Now().UTC().Format(time.RFC3339),
	}
	for _, p := range job.Probes {
		addr, err := netip.ParseAddr(p.ClusterIP)
		if err != nil {
			return nil, fmt.Errorf("read the address of probe %s: %w", p.Name, err)
		}
		b.probes = append(b.probes, netip.AddrPortFrom(addr, port))
	}
	if b.lab, err = lab.New(lab.Options{}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.relay, err = harness.RelayAPI(b.lab.Node.Namespace); err != nil {
		return nil, err
	}
	if err := warm(b.lab.Pod(warmPod).Namespace); err != nil {
		return nil, err
	}
	if b.execs, err = watchExecs(); err != nil || job.Proxy == figures.Floor {
		return b, err
	}
	b.proxy, err = newProxy(b.lab.Node.Namespace, job)
	return b, err
}

func (b *bench) close() error {
	var errs []error
	if b.proxy != nil {
		errs = append(errs, b.proxy.close())
	}
	if b.relay != nil {
		errs = append(errs, b.relay.Close())
	}
	return errors.Join(append(errs, b.lab.Close())...)
}

// processors are this machine's: "2 × QEMU TCG CPU version 2.5+".
func processors() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	n, model := 0, "unknown"
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			n, model = n+1, strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%d × %s", n, model)
}

// warm loads whatever modules and programs some proxy needs, so that none pays
// for coming first.
func warm(n *lab.Namespace) error {
	for _, line := range []string{
		"modprobe -qa dummy ip_vs ip_vs_rr nf_conntrack nf_conntrack_netlink ip_set ip_set_hash_ip ip_set_hash_ipport ip_set_hash_ipportip" +
			" ip_set_hash_ipportnet ip_set_hash_net ip_set_bitmap_port xt_set xt_mark xt_MASQUERADE xt_conntrack xt_comment xt_addrtype" +
			" xt_NETMAP ipt_REJECT ip6t_REJECT nf_tables nft_compat nft_chain_nat nft_ct nft_masq nft_nat nft_reject_inet nft_numgen nft_fib_inet",
		"iptables-save && ip6tables-save && iptables-restore </dev/null && ipset list && nft list ruleset && ipvsadm -Ln",
	} {
		if _, err := n.Run("sh", "-c", line); err != nil {
			return err
		}
	}
	return nil
}

// ask asks a probe once, over a new connection, and answers with the Pod's
// name.
func (b *bench) ask(probe int, timeout time.Duration) (string, error) {
	a, err := lab.Ask(b.lab.Pod(clientPod).Namespace, lab.TCP, b.probes[probe], timeout)
	return a.Pod, err
}

// until calls try until it is content or ctx ends, which is false. The pauses
// grow from least to a fiftieth of the time since begin.
func until(ctx context.Context, begin time.Time, least time.Duration, try func() bool) bool {
	for !try() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(max(least, time.Since(begin)/50)):
		}
	}
	return true
}

// patience is how long a try may keep the next from beginning: one that hangs,
// because its connection went to what has just been deleted, must not keep the
// next from succeeding. As long as tries are answered there is one at a time:
// several would take the processors from the proxy that is measured.
const patience = 60 * time.Millisecond

// race is until with tries that do not wait long for each other.
func race(ctx context.Context, begin time.Time, least time.Duration, try func() bool) bool {
	won := make(chan struct{}, 1)
	for {
		over := make(chan struct{})
		go func() {
			defer close(over)
			if try() {
				select {
				case won <- struct{}{}:
				default:
				}
			}
		}()
		select {
		case <-over:
		case <-time.After(patience):
		case <-ctx.Done():
		}
		select {
		case <-won:
			return true
		case <-ctx.Done():
			return false
		case <-time.After(max(least, time.Since(begin)/50)):
		}
	}
}

func milliseconds(d time.Duration) float64 {
	return figures.Round(float64(d)/float64(time.Millisecond), 1)
}

func seconds(d time.Duration) float64 { return figures.Round(d.Seconds(), 2) }
