//go:build linux

package lab

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]struct {
		Answer
		echo string
	}{
		"p1 192.0.2.1\n":         {Answer{"p1", netip.MustParseAddr("192.0.2.1")}, ""},
		"r2 fd00::1 7\n":         {Answer{"r2", netip.MustParseAddr("fd00::1")}, "7"},
		"p1 192.0.2.1 two words": {Answer{"p1", netip.MustParseAddr("192.0.2.1")}, "two words"},
	} {
		got, echo, err := parse(line)
		if err != nil || got != want.Answer || echo != want.echo {
			t.Errorf("parse(%q) = %v, %q, %v; want %v, %q", line, got, echo, err, want.Answer, want.echo)
		}
	}
	for _, line := range []string{"", "\n", "p1\n", "p1 ? 1\n", "HTTP/1.1 400 Bad Request\n"} {
		if got, _, err := parse(line); err == nil {
			t.Errorf("parse(%q) = %v, want an error", line, got)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		err, want error
		reason    string
	}{
		{syscall.ECONNREFUSED, ErrRefused, "refused"},
		{syscall.ETIMEDOUT, ErrTimeout, "timed out"},
		{os.ErrDeadlineExceeded, ErrTimeout, "timed out"},
		{syscall.ECONNRESET, ErrBroken, "connection broken"},
		{io.EOF, ErrBroken, "connection broken"},
		{os.NewSyscallError("connect", syscall.ENETUNREACH), syscall.ENETUNREACH, "network is unreachable"},
		{io.ErrShortWrite, io.ErrShortWrite, "short write"},
	} {
		got := named(c.err)
		if !errors.Is(got, c.want) || !errors.Is(got, c.err) || reason(got) != c.reason {
			t.Errorf("named(%v) = %v, reason %q; want %v, reason %q", c.err, got, reason(got), c.want, c.reason)
		}
	}
	if named(nil) != nil {
		t.Error("named(nil) is an error")
	}
}

func TestSortIPVS(t *testing.T) {
	got := sortIPVS(`IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
UDP  10.96.0.10:53 rr
TCP  10.96.0.1:443 rr persistent 10800 flag-3
  -> 10.244.1.2:6443              Masq    1      0          0         
  -> 10.244.1.1:6443              Masq    0      3          12        
TCP  [fd00:10:96::1]:443 mh (flag-1,flag-2)
  -> [fd00:10:244:1::1]:8080      Masq    1      0          0         
FWM  81921 rr
  -> 10.244.1.1:80                Masq    1      0          0         
`)
	want := `FWM 81921 rr
  -> 10.244.1.1:80 Masq 1
TCP 10.96.0.1:443 rr persistent 10800 flag-3
  -> 10.244.1.1:6443 Masq 0
  -> 10.244.1.2:6443 Masq 1
TCP [fd00:10:96::1]:443 mh (flag-1,flag-2)
  -> [fd00:10:244:1::1]:8080 Masq 1
UDP 10.96.0.10:53 rr
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCountsSay(t *testing.T) {
	c := Counts{Answers: map[string]int{"p2": 11, "p1": 12}, Failures: map[string]int{"refused": 1}, Silence: 120e6}
	if got, want := c.String(), "p1 12, p2 11; refused 1; longest silence 120ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Counts{}).String(), "no answers; longest silence 0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParseMetrics(t *testing.T) {
	text := "# HELP a b\na{x=\"y z\"} 3\na_total 1.5e+09\nb 7\n"
	got, err := ParseMetrics(text, "a")
	if err != nil || len(got) != 2 || got[`a{x="y z"}`] != 3 || got["a_total"] != 1.5e9 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := ParseMetrics("a one\n", "a"); err == nil {
		t.Error("no number: want an error")
	}
}

func TestAnswerers(t *testing.T) {
	for text, want := range map[string][]string{
		`ARPING 192.0.2.200 from 192.0.2.100 eth0
Unicast reply from 192.0.2.200 [8A:44:A7:51:6C:61]  0.565ms
Unicast reply from 192.0.2.200 [5A:0E:D2:82:53:10]  0.616ms
Unicast reply from 192.0.2.200 [8A:44:A7:51:6C:61]  0.624ms
Sent 1 probes (1 broadcast(s))
Received 3 response(s)
`: {"8a:44:a7:51:6c:61", "5a:0e:d2:82:53:10", "8a:44:a7:51:6c:61"},
		`ARPING 192.0.2.201 from 192.0.2.100 eth0
Sent 1 probes (1 broadcast(s))
Received 0 response(s)
`: nil,
	} {
		if diff := cmp.Diff(want, answerers(text)); diff != "" {
			t.Errorf("answerers of\n%s(-want +got):\n%s", text, diff)
		}
	}
}
