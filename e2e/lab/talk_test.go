//go:build e2e

package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestNobodyListening(t *testing.T) {
	l := newLab(t, Options{})
	p1 := l.Pod("p1")
	for _, protocol := range Protocols() {
		for _, addr := range []netip.Addr{p1.IPv4, p1.IPv6} {
			to := netip.AddrPortFrom(addr, 9)
			if _, err := Ask(l.Node.Namespace, protocol, to, soon); !errors.Is(err, ErrRefused) {
				t.Errorf("ask %s/%s: %v, want %v", to, protocol, err, ErrRefused)
			}
		}
	}
}

func TestHeldConnectionOutlivesTheListener(t *testing.T) {
	l := newLab(t, Options{})
	p1, client := l.Pod("p1"), l.Pod("r1").Namespace
	to := netip.AddrPortFrom(p1.IPv4, Port)
	for _, protocol := range Protocols() {
		if protocol == UDP {
			continue
		}
		held, err := Hold(client, protocol, to, soon)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		want := Answer{"p1", l.Pod("r1").IPv4}
		ping := func() {
			t.Helper()
			if got, err := held.Ping(); err != nil || got != want {
				t.Errorf("ping over %s: %s, %v; want %s", protocol, got, err, want)
			}
		}
		ping()
		if err := p1.Server.Deafen(); err != nil {
			t.Fatal(err)
		}
		if _, err := Ask(client, protocol, to, soon); !errors.Is(err, ErrRefused) {
			t.Errorf("ask a deaf server over %s: %v, want %v", protocol, err, ErrRefused)
		}
		ping()
		if err := p1.Server.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := held.Ping(); !errors.Is(err, ErrBroken) {
			t.Errorf("ping a closed server over %s: %v, want %v", protocol, err, ErrBroken)
		}
		if err := p1.Serve(Port); err != nil {
			t.Fatal(err)
		}
		if got, err := Ask(client, protocol, to, soon); err != nil || got != want {
			t.Errorf("ask a server that listens again over %s: %s, %v; want %s", protocol, got, err, want)
		}
	}
}

// A UDP answer that comes after its question was given up must not pass for
// the answer to the next one.
func TestLateAnswerIsSkipped(t *testing.T) {
	l := newLab(t, Options{})
	p1 := l.Pod("p1")
	at := netip.AddrPortFrom(p1.IPv4, 9)
	server, err := p1.ListenUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	held, err := Hold(l.Node.Namespace, UDP, at, long)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.Ping(); !errors.Is(err, ErrTimeout) {
		t.Fatalf("ping a silent server: %v, want %v", err, ErrTimeout)
	}
	say := func(text string) {
		if _, err := server.WriteToUDPAddrPort([]byte(text), held.Local()); err != nil {
			t.Error(err)
		}
	}
	say("late 192.0.2.1 1\n")
	held.timeout = soon
	done := make(chan Answer)
	go func() {
		defer close(done)
		answer, err := held.Ping()
		if err != nil {
			t.Error(err)
			return
		}
		done <- answer
	}()
	say("good 192.0.2.1 2\n")
	if got := <-done; got.Pod != "good" {
		t.Errorf("got %q", got)
	}
}

func TestLoopCounts(t *testing.T) {
	l := newLab(t, Options{})
	p1 := l.Pod("p1")
	loop := StartLoop(l.Node.Namespace, UDP, netip.AddrPortFrom(p1.IPv6, Port), Pace{Every: time.Millisecond, Timeout: soon})
	ctx := within(t, soon)
	if err := loop.Until(ctx, func(c Counts) bool { return c.Answers["p1"] >= 20 }); err != nil {
		t.Fatal(err)
	}
	if c := loop.Counts(); c.Failed() > 0 || c.Answered() != c.Answers["p1"] {
		t.Errorf("while all is well: %s", c)
	}
	if err := p1.Server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := loop.Until(ctx, func(c Counts) bool { return c.Failures[ErrRefused.Error()] >= 20 }); err != nil {
		t.Fatal(err)
	}
	before := loop.Counts().Answered()
	if err := p1.Serve(Port); err != nil {
		t.Fatal(err)
	}
	if err := loop.Until(ctx, func(c Counts) bool { return c.Answered() > before }); err != nil {
		t.Fatal(err)
	}
	c := loop.Stop()
	if c.Silence < 10*time.Millisecond {
		t.Errorf("twenty refusals, one a millisecond, and the longest silence is %s", c.Silence)
	}
	if now := loop.Counts(); now.Answered() != c.Answered() || now.Failed() != c.Failed() {
		t.Errorf("counted on after Stop: %s, then %s", c, now)
	}
	t.Log(c)
}

func TestLoopThatNeverHasEnough(t *testing.T) {
	l := newLab(t, Options{})
	loop := StartLoop(l.Node.Namespace, TCP, netip.AddrPortFrom(l.Pod("p1").IPv4, Port), Pace{Every: time.Millisecond, Timeout: soon})
	defer loop.Stop()
	err := loop.Until(within(t, long), func(c Counts) bool { return c.Failed() > 0 })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Until: %v, want %v", err, context.DeadlineExceeded)
	}
}

// A question that is out when the loop is stopped counts.
func TestLoopWaitsForItsQuestions(t *testing.T) {
	l := newLab(t, Options{})
	p1 := l.Pod("p1")
	at := netip.AddrPortFrom(p1.IPv4, 9)
	silent, err := p1.ListenUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	loop := StartLoop(l.Node.Namespace, UDP, at, Pace{Every: time.Hour, Timeout: long})
	if _, _, err := silent.ReadFromUDPAddrPort(make([]byte, 64)); err != nil {
		t.Error(err)
	}
	if c := loop.Stop(); c.Failures[ErrTimeout.Error()] != 1 || c.Answered() > 0 {
		t.Errorf("one question and no answer: %s", c)
	}
}

func TestRelay(t *testing.T) {
	l := newLab(t, Options{})
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer("home")
	defer server.Close()
	server.serve(target, func() { server.accept(target) })

	relay, err := l.Node.Relay(netip.MustParseAddrPort("127.0.0.1:0"), target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	held, err := Hold(l.Node.Namespace, TCP, relay.Addr(), soon)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if got, err := held.Ping(); err != nil || got.Pod != "home" {
		t.Errorf("ask through the relay: %v, %v", got, err)
	}
	if _, err := Ask(l.Pod("p1").Namespace, TCP, relay.Addr(), soon); !errors.Is(err, ErrRefused) {
		t.Errorf("ask the relay from another namespace: %v, want %v", err, ErrRefused)
	}
	relay.Cut()
	if _, err := held.Ping(); !errors.Is(err, ErrBroken) {
		t.Errorf("ping after Cut: %v, want %v", err, ErrBroken)
	}
	if got, err := Ask(l.Node.Namespace, TCP, relay.Addr(), soon); err != nil || got.Pod != "home" {
		t.Errorf("ask after Cut: %v, %v", got, err)
	}
	if err := relay.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(l.Node.Namespace, TCP, relay.Addr(), soon); !errors.Is(err, ErrRefused) {
		t.Errorf("ask a closed relay: %v, want %v", err, ErrRefused)
	}
}
