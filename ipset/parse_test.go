package ipset

import (
	"testing"
)

// What String prints is read as the same entry.
func TestParseEntry(t *testing.T) {
	at := port("10.96.0.1:80")
	for _, e := range []Entry{
		IP(addr("10.0.0.1")), IP(addr("fd00::1")), Net(prefix("10.0.0.0/8")), Net(prefix("10.0.0.1/32")), Net(prefix("fd00::/64")),
		IPPort(at, tcp), IPPort(port("[fd00::1]:53"), udp), IPPort(at, 47), IPPort(at, icmp),
		IPPortIP(at, sctp, addr("10.0.0.2")), IPPortNet(at, tcp, prefix("10.1.0.0/16")), IPPortNet(at, tcp, prefix("10.1.2.3/32")),
	} {
		got, err := ParseEntry(e.Type(), e.String())
		if err != nil || got != e {
			t.Errorf("%s of type %s: %s of type %s, %v", e, e.Type(), got, got.Type(), err)
		}
	}
	for typ, texts := range map[Type][]string{
		HashIP:        {"", "10.0.0.0/8", "no entry", "10.0.0.1,tcp:80"},
		HashNet:       {"", "10.0.0.0/33", "ten"},
		HashIPPort:    {"10.0.0.1", "10.0.0.1,tcp", "10.0.0.1,tcp:70000", "10.0.0.1,300:1", "10.0.0.1,tcp:80,10.0.0.2", "10.0.0.1:80"},
		HashIPPortIP:  {"10.0.0.1,tcp:80", "10.0.0.1,tcp:80,fd00::1", "10.0.0.1,tcp:80,10.0.0.0/8"},
		HashIPPortNet: {"10.0.0.1,tcp:80", "10.0.0.1,tcp:80,fd00::/64", "10.0.0.1,tcp:80,10.0.0.0/33"},
	} {
		for _, text := range texts {
			if e, err := ParseEntry(typ, text); err == nil {
				t.Errorf("%q of type %s: %s", text, typ, e)
			}
		}
	}
	if _, err := ParseEntry(0, "10.0.0.1"); err == nil {
		t.Error("a type of others is read")
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, text := range []string{"10.0.0.1", "10.0.0.1,tcp:80", "fd00::1,17:53,fd00::/64", "10.0.0.0/8"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, typ := range []Type{HashIP, HashNet, HashIPPort, HashIPPortIP, HashIPPortNet} {
			e, err := ParseEntry(typ, text)
			if err != nil {
				continue
			}
			if again, err := ParseEntry(typ, e.String()); err != nil || again != e {
				t.Errorf("%q is %s, which is %s, %v", text, e, again, err)
			}
		}
	})
}
