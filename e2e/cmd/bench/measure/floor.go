//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// floor measures the least that the size can take: its rows in bare batched
// netlink, and client-go's first list.
func (b *bench) floor() (err error) {
	b.cell.Bare = &figures.Bare{}
	if b.cell.Bare.List, err = b.list(); err != nil {
		return err
	}
	if b.cell.Bare.Process, err = b.process(); err != nil {
		return err
	}
	err = b.lab.Node.Do(func() error {
		k, err := openBare()
		if err != nil {
			return err
		}
		defer k.close()
		return b.fill(k)
	})
	b.say("kernel %.2f s, list %v s", b.cell.Bare.Kernel(), b.cell.Bare.List)
	return err
}

// process times the start of a program that proxies start, with nothing to do:
// the median of some.
func (b *bench) process() (float64, error) {
	var took figures.Samples
	for range 15 {
		begin := time.Now()
		if _, err := b.lab.Pod(clientPod).Run("nft", "list", "tables"); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin).Seconds())
	}
	return figures.Round(took.P(50), 4), nil
}

// fill adds what a Service proxy on IPVS has for ClusterIPs. The messages are
// made before the time begins.
func (b *bench) fill(k *bare) error {
	var servers, behind, addresses [][]byte
	var ports, hosts []ipset.Entry
	for i := range b.job.Size.Services {
		vip := numbered("10.96.0.0", i+1)
		servers = append(servers, k.virtualServer(vip))
		addresses = append(addresses, k.address(vip))
		hosts = append(hosts, ipset.IP(vip))
		ports = append(ports, ipset.IPPort(netip.AddrPortFrom(vip, port), unix.IPPROTO_TCP))
		for e := range b.job.Size.Endpoints {
			behind = append(behind, k.realServer(vip, numbered("100.64.0.0", i*b.job.Size.Endpoints+e+1)))
		}
	}
	bare, into := b.cell.Bare, []struct {
		seconds *float64
		add     func() error
	}{
		{&b.cell.Bare.Members, func() error { return members(ports, hosts) }},
		{&b.cell.Bare.VirtualServers, func() error { return k.generic.send(servers) }},
		{&b.cell.Bare.RealServers, func() error { return k.generic.send(behind) }},
		{&b.cell.Bare.Addresses, func() error { return k.route.send(addresses) }},
	}
	for _, i := range into {
		begin := time.Now()
		if err := i.add(); err != nil {
			return err
		}
		*i.seconds = figures.Round(time.Since(begin).Seconds(), 3)
	}
	b.say("%+v", *bare)
	return nil
}

// members fills three sets, as many as a ClusterIP stands in.
func members(ports, hosts []ipset.Entry) error {
	sets, err := ipset.Open()
	if err != nil {
		return err
	}
	defer sets.Close()
	for _, s := range []struct {
		name    string
		kind    ipset.Type
		entries []ipset.Entry
	}{{"ports", ipset.HashIPPort, ports}, {"clients", ipset.HashIPPort, ports}, {"hosts", ipset.HashIP, hosts}} {
		err := sets.Create(ipset.Set{Name: s.name, Type: s.kind, Family: ipset.IPv4, MaxEntries: 1 << 20})
		if err := errors.Join(append(sets.Add(s.name, s.entries), err)...); err != nil {
			return err
		}
	}
	return nil
}

// numbered is the n-th address from first on.
func numbered(first string, n int) netip.Addr {
	a := netip.MustParseAddr(first).As4()
	a[1] += byte(n >> 16)
	a[2] += byte(n >> 8)
	a[3] += byte(n)
	return netip.AddrFrom4(a)
}

// list times the informers' first list, on the way that every proxy has to the
// API server.
func (b *bench) list() (float64, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		return 0, fmt.Errorf("find the API server (E2E_KUBECONFIG): %w", err)
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.Dial = func(_ context.Context, _, at string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(at)
		if err != nil {
			return nil, err
		}
		return b.lab.Node.Dial(lab.TCP, to, 10*time.Second)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	factory := informers.NewSharedInformerFactory(client, 0)
	services, slices := factory.Core().V1().Services().Informer(), factory.Discovery().V1().EndpointSlices().Informer()
	begin := time.Now()
	factory.StartWithContext(ctx)
	listed := until(ctx, begin, 5*time.Millisecond, func() bool { return services.HasSynced() && slices.HasSynced() })
	took := figures.Round(time.Since(begin).Seconds(), 3)
	if !listed {
		return 0, fmt.Errorf("list the API: %w", ctx.Err())
	}
	cancel()
	factory.Shutdown()
	if n := len(services.GetStore().ListKeys()); n < b.job.Size.Services {
		return 0, fmt.Errorf("list the API: %d Services, want %d", n, b.job.Size.Services)
	}
	return took, nil
}
