package apiserver

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

const (
	askAgain    = 30 * time.Second // for the addresses of the API server's name
	askPatience = 10 * time.Second
	dialTimeout = 30 * time.Second // and keep-alive, as client-go has both
)

// reached knows where this process reaches the API server: at the addresses that
// its name has now, which it goes on asking for while the API is away, and at the
// other ends of its connections, which may be a proxy's.
type reached struct {
	host string // a name, or an address
	port uint16

	Changed func() // is called, if not nil, when addresses come or go

	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	connect dialer

	mu       sync.Mutex
	resolved []netip.Addr
	open     map[netip.AddrPort]int // connections
	last     netip.AddrPort         // of the last connection made: it stays when that is closed
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// newReached reads the API server's URL. It resolves nothing yet.
func newReached(cfg *rest.Config) *reached {
	r := &reached{
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		connect: (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		open:    map[netip.AddrPort]int{},
	}
	at, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return r // the client says so
	}
	r.host, r.port = at.Hostname(), portOf(at)
	if addr, err := netip.ParseAddr(r.host); err == nil {
		r.resolved = []netip.Addr{addr.Unmap()}
	}
	return r
}

func portOf(at *url.URL) uint16 {
	if port, err := strconv.ParseUint(at.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	if at.Scheme == "http" {
		return 80
	}
	return 443
}

// Addresses are where the API server is reached, in order.
func (r *reached) Addresses() []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all()
}

func (r *reached) all() []netip.AddrPort {
	found := slices.Collect(maps.Keys(r.open))
	for _, a := range r.resolved {
		found = append(found, netip.AddrPortFrom(a, r.port))
	}
	if r.last.IsValid() {
		found = append(found, r.last)
	}
	slices.SortFunc(found, netip.AddrPort.Compare)
	return slices.Compact(found)
}

// note changes what is known, and tells of it where that makes a difference.
func (r *reached) note(change func()) {
	r.mu.Lock()
	before := r.all()
	change()
	moved := !slices.Equal(before, r.all())
	r.mu.Unlock()
	if moved && r.Changed != nil {
		r.Changed()
	}
}

// Follow asks for the addresses of the name until ctx ends. Those that it last had
// stay while no name server answers.
func (r *reached) Follow(ctx context.Context) error {
	if _, err := netip.ParseAddr(r.host); err == nil || r.host == "" {
		<-ctx.Done()
		return nil
	}
	for {
		r.ask(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askAgain):
		}
	}
}

func (r *reached) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	addrs, err := r.resolve(ctx, r.host)
	if err != nil || len(addrs) == 0 {
		klog.V(2).InfoS("Could not ask for the API server's addresses", "name", r.host, "err", err)
		return
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	r.note(func() { r.resolved = addrs })
}

// dial connects as client-go would, and keeps who is at the other end.
func (r *reached) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return conn, nil
	}
	peer := netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	r.note(func() { r.open[peer]++; r.last = peer })
	return &reachedConn{Conn: conn, closed: sync.OnceFunc(func() { r.note(func() { r.leave(peer) }) })}, nil
}

func (r *reached) leave(peer netip.AddrPort) {
	if r.open[peer]--; r.open[peer] == 0 {
		delete(r.open, peer)
	}
}

// reachedConn tells when it is closed.
type reachedConn struct {
	net.Conn
	closed func()
}

func (c *reachedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
