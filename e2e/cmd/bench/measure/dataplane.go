//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	rounds         = 7
	roundConnects  = 400
	streamBytes    = 64 << 20
	dataplaneProbe = 0
)

// dataplane compares the way through a Service with the way to its Pod, in
// turn, and takes the median of the rounds.
func (b *bench) dataplane() error {
	pod := b.lab.Pod(b.podAt(b.job.At[b.at[dataplaneProbe]]))
	if pod == nil {
		return errors.New("the probe's Pod is not in the lab")
	}
	if err := pod.Server.Close(); err != nil {
		return err
	}
	direct := netip.AddrPortFrom(pod.IPv4, lab.Port)
	sink, err := pod.Listen(lab.TCP, direct)
	if err != nil {
		return err
	}
	defer sink.Close()
	go swallow(sink)

	// Two clients: for conntrack, connections of one of them to the Service and to
	// its Pod would be the same as soon as they have the same port.
	ways := []struct {
		from string
		to   netip.AddrPort
	}{{clientPod, b.probes[dataplaneProbe]}, {warmPod, direct}}
	var rates, streams [2]figures.Samples
	for range rounds {
		for i, way := range ways {
			from := b.lab.Pod(way.from).Namespace
			rate, err := connects(from, way.to)
			if err != nil {
				return err
			}
			speed, err := stream(from, way.to)
			if err != nil {
				return err
			}
			rates[i], streams[i] = append(rates[i], rate), append(streams[i], speed)
		}
	}
	median := func(s figures.Samples) float64 { return figures.Round(s.P(50), 0) }
	b.cell.Dataplane = &figures.Dataplane{
		Connections: median(rates[0]), ConnectionsDirect: median(rates[1]),
		Stream: median(streams[0]), StreamDirect: median(streams[1]),
	}
	b.say("dataplane: %+v", *b.cell.Dataplane)
	return nil
}

// swallow takes connections and reads them to their end.
func swallow(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go func() {
				_, _ = io.Copy(io.Discard, c) // a reset is an end, too
				c.Close()
			}()
		}
	}
}

// connects opens connections one after the other and resets each, as bare as
// can be, and answers how many there are in a second.
func connects(from *lab.Namespace, to netip.AddrPort) (float64, error) {
	var took time.Duration
	err := from.Do(func() error {
		begin := time.Now()
		for range roundConnects {
			if err := connect(to); err != nil {
				return fmt.Errorf("connect to %s: %w", to, err)
			}
		}
		took = time.Since(begin)
		return nil
	})
	return roundConnects / took.Seconds(), err
}

func connect(to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// Closed with a reset, a connection leaves no port behind that is taken.
	return errors.Join(
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
		unix.Close(fd))
}

// stream sends a number of bytes and answers with millions of them a second.
func stream(from *lab.Namespace, to netip.AddrPort) (float64, error) {
	c, err := from.Dial(lab.TCP, to, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	block, begin := slices.Repeat([]byte("x"), 64<<10), time.Now()
	for range streamBytes / len(block) {
		if _, err := c.Write(block); err != nil {
			return 0, fmt.Errorf("write to %s: %w", to, err)
		}
	}
	// The other side closes when it has read everything.
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return 0, fmt.Errorf("wait for the end of the stream to %s: %w", to, err)
	}
	return streamBytes / 1e6 / time.Since(begin).Seconds(), nil
}
