//go:build e2e

package ipset

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// openCounted opens a Client in a network namespace of its own. The goroutine
// stays locked to its thread, so that the thread ends with the test.
func openCounted(tb testing.TB) (*Client, *counter) {
	tb.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("new network namespace (this test needs root): %v", err)
	}
	n := &counter{}
	c := &Client{conn: wire.Over(n.dial)}
	tb.Cleanup(c.Close)
	return c, n
}

// counter is the real socket, and counts what is sent and opened.
type counter struct {
	wire.Socket
	sent, dialled int
}

func (n *counter) dial() (_ wire.Socket, err error) {
	n.dialled++
	n.Socket, err = wire.Open(unix.NETLINK_NETFILTER, wire.EchoRequests)
	return n, err
}

func (n *counter) Send(batch []byte) error {
	n.sent++
	return n.Socket.Send(batch)
}

func TestThreeMessages(t *testing.T) {
	c, n := openCounted(t)
	entries := numbered(1200)
	if err := c.Create(Set{"A", HashIPPort, IPv4, 2000}); err != nil {
		t.Fatal(err)
	}
	for name, deed := range map[string]func(string, []Entry) []error{"add": c.Add, "remove": c.Remove} {
		n.sent = 0
		if err := errors.Join(deed("A", entries)...); err != nil {
			t.Fatal(err)
		}
		if n.sent != 3 {
			t.Errorf("%s: %d messages, want three: the type is known since Create", name, n.sent)
		}
	}
}

// The kernel names the one entry of a message that it refuses, wherever it
// stands, and for whatever reason.
func TestKernelNamesLine(t *testing.T) {
	v4, v6 := Set{"A", HashIP, IPv4, 100}, Set{"A", HashIPPort, IPv6, 100}
	net := Set{"A", HashIPPortNet, IPv4, 100}
	for _, tc := range []struct {
		name string
		set  Set
		bad  Entry
		want unix.Errno
	}{
		{"null address", v4, Entry{typ: HashIP, addr: netip.IPv4Unspecified()}, codeNullElement},
		{"no protocol", v6, IPPort(port("[fd00::1]:80"), 0), codeNoProtocol},
		{"network of length zero", net, IPPortNet(port("10.0.0.1:80"), 6, prefix("0.0.0.0/0")), nl.IPSET_ERR_INVALID_CIDR},
		{"network alone of length zero", Set{"A", HashNet, IPv4, 100}, Net(prefix("0.0.0.0/0")), nl.IPSET_ERR_INVALID_CIDR},
		{"other family", v4, IP(addr("fd00::1")), nl.IPSET_ERR_PROTOCOL},
		{"full", Set{"A", HashIPPort, IPv4, 3}, IPPort(port("10.9.9.9:80"), 6), codeFull},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := openCounted(t)
			if err := c.Create(tc.set); err != nil {
				t.Fatal(err)
			}
			good := map[Type]Entry{
				HashIP:        IP(addr("10.0.0.1")),
				HashIPPort:    IPPort(port("10.0.0.1:80"), 6),
				HashIPPortNet: IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/8")),
				HashNet:       Net(prefix("10.0.0.0/8")),
			}[tc.set.Type]
			if tc.set.Family == IPv6 {
				good = IPPort(port("[fd00::2]:80"), 6)
			}
			if tc.want == codeFull {
				if err := errors.Join(c.Add("A", numbered(3))...); err != nil {
					t.Fatal(err)
				}
				good = numbered(1)[0]
			}
			for _, at := range []int{1, 2, 250, 500} {
				batch := slices.Repeat([]Entry{good}, 500)
				batch[at-1] = tc.bad
				err := c.ask(nl.IPSET_CMD_ADD, changeRequest("A", batch), unexpected)
				refused, ok := errors.AsType[*refusal](err)
				if !ok || refused.code != tc.want || refused.line != at {
					t.Errorf("entry %d: got %+v, want code %d in line %d", at, refused, int(tc.want), at)
				}
			}
		})
	}
}

// These are why change asks for the type first and Create for the family
// afterwards. If the kernel learns better, they need not.
func TestKernelOnMismatch(t *testing.T) {
	c, _ := openCounted(t)
	if err := c.Create(Set{"A", HashIPPort, IPv4, 100}); err != nil {
		t.Fatal(err)
	}
	batch := numbered(3)
	batch[1] = IPPortIP(port("10.0.0.1:80"), 6, addr("10.0.0.2"))
	err := c.ask(nl.IPSET_CMD_ADD, changeRequest("A", batch), unexpected)
	if refused, ok := errors.AsType[*refusal](err); !ok || refused.code != nl.IPSET_ERR_PROTOCOL || refused.line != 0 {
		t.Errorf("entry of another type: %+v, want a refusal that names no entry", refused)
	}
	if err := c.ask(nl.IPSET_CMD_CREATE, createRequest(Set{"A", HashIPPort, IPv6, 100}), unexpected); err != nil {
		t.Errorf("set of another family: %v, want no error", err)
	}
}

// A protocol without ports has its port dropped, so IPPort does that too.
func TestKernelDropsPort(t *testing.T) {
	c, _ := openCounted(t)
	for _, family := range []Family{IPv4, IPv6} {
		name, at := family.String(), port("10.0.0.1:80")
		if family == IPv6 {
			at = port("[fd00::1]:80")
		}
		if err := c.Create(Set{name, HashIPPort, family, 1000}); err != nil {
			t.Fatal(err)
		}
		var sent, want []Entry
		for protocol := range 255 {
			e := IPPort(at, uint8(protocol+1))
			want = append(want, e)
			e.port = at.Port()
			sent = append(sent, e)
		}
		if err := errors.Join(c.Add(name, sent)...); err != nil {
			t.Fatal(err)
		}
		got, err := c.Members(name)
		slices.SortFunc(got, Entry.Compare)
		slices.SortFunc(want, Entry.Compare)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %s, %v, want %s", family, got, err, want)
		}
	}
}

// A listing that is given up half-way would keep the socket from starting the
// next one.
func TestListAfterBrokenListing(t *testing.T) {
	c, n := openCounted(t)
	if err := c.Create(Set{"A", HashIPPort, IPv4, 100_000}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Add("A", numbered(50_000))...); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := c.ask(nl.IPSET_CMD_LIST, about("A"), func([]byte) error { return enough })
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if got, err := c.Members("A"); err != nil || len(got) != 50_000 {
		t.Errorf("%d members, %v", len(got), err)
	}
	if n.dialled != 2 {
		t.Errorf("dialled %d times, want twice", n.dialled)
	}
}

// numbered are different entries of a HashIPPort set.
func numbered(n int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		at := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		entries[i] = IPPort(netip.AddrPortFrom(at, 80), 6)
	}
	return entries
}
