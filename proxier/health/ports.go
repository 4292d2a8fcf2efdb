package health

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Ports are the health ports of Services: each row is a listener that answers,
// at any path, how many ready endpoints a Service has on this node. They are a
// reconcile.Kind. An unspecified address stands for all of its family.
type Ports struct {
	health *Health
	bound  *bound

	mu   sync.Mutex
	open map[netip.AddrPort]*port
}

// port is one listener; what it answers may change while it listens.
type port struct {
	ready    state.Ready
	listener net.Listener
	server   *http.Server
}

// NewPorts returns Ports that answer for the loop which feeds h. None is open.
func NewPorts(h *Health) *Ports {
	return &Ports{health: h, bound: newBound(mostConnections), open: map[netip.AddrPort]*port{}}
}

// List answers with the ports that are open.
func (p *Ports) List(context.Context) (map[netip.AddrPort]state.Ready, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows := make(map[netip.AddrPort]state.Ready, len(p.open))
	for at, each := range p.open {
		rows[at] = each.ready
	}
	return rows, nil
}

// Apply opens and closes ports, and changes what they answer.
func (p *Ports) Apply(_ context.Context, ops []reconcile.Op[netip.AddrPort, state.Ready]) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(ops))
	for i, op := range ops {
		switch at, isOpen := p.open[op.Key]; {
		case op.Verb == reconcile.Delete && isOpen:
			delete(p.open, op.Key)
			errs[i] = at.close()
		case op.Verb == reconcile.Delete:
		case isOpen:
			at.ready = op.Value
		default:
			errs[i] = p.listen(op.Key, op.Value)
		}
	}
	return errs
}

// Close closes all ports.
func (p *Ports) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, each := range p.open {
		errs = append(errs, each.close())
	}
	clear(p.open)
	return errors.Join(errs...)
}

// listen keeps to the one family, so that each counts its own endpoints.
func (p *Ports) listen(at netip.AddrPort, ready state.Ready) error {
	network := "tcp6"
	if at.Addr().Is4() {
		network = "tcp4"
	}
	listener, err := net.Listen(network, at.String())
	if err != nil {
		return err
	}
	opened := &port{ready: ready, listener: listener}
	opened.server = p.bound.server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { p.answer(w, opened) }))
	p.open[at] = opened
	go func() {
		_ = opened.server.Serve(listener)
		p.ended(opened)
	}()
	return nil
}

// ended forgets a port that no longer answers, so that the next List does not
// have it.
func (p *Ports) ended(gone *port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.open, func(_ netip.AddrPort, each *port) bool { return each == gone })
}

// close also closes the listener of a server that does not serve yet.
func (p *port) close() error {
	err := p.server.Close()
	if again := p.listener.Close(); !errors.Is(again, net.ErrClosed) {
		err = errors.Join(err, again)
	}
	return err
}

// answer says what kube-proxy would. Whether the node is eligible is not asked
// here: that would cut connections which a load balancer still lets run out.
func (p *Ports) answer(w http.ResponseWriter, at *port) {
	p.mu.Lock()
	ready := at.ready
	p.mu.Unlock()
	type service struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
	healthy := p.health.Report(time.Now()).Healthy
	w.Header().Set("X-Load-Balancing-Endpoint-Weight", strconv.Itoa(ready.Local))
	reply(w, ready.Local != 0 && healthy, struct {
		Service             service `json:"service"`
		LocalEndpoints      int     `json:"localEndpoints"`
		ServiceProxyHealthy bool    `json:"serviceProxyHealthy"`
	}{service{ready.Namespace, ready.Name}, ready.Local, healthy})
}
