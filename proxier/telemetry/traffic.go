package telemetry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// traffic counts what goes to Services, when metrics are asked for. Services
// have several virtual servers, which come and go; what each has counted is
// added up, so that a sum never goes down.
type traffic struct {
	kernel Counters
	ports  Ports
	served served // what is shown

	mu   sync.Mutex // two may ask at a time
	last map[state.VirtualServer]state.Traffic
	sums map[Series]*state.Traffic
}

// Counters count what virtual servers have done so far; what is not there is left out.
type Counters interface {
	Traffic(context.Context, []state.VirtualServer) (map[state.VirtualServer]state.Traffic, error)
}

// Ports are the virtual servers whose traffic is to be counted, by the series that it
// is added to, and how many Services are left out. An error: there are none yet.
type Ports func(context.Context) (ports map[state.VirtualServer]Series, left int, err error)

// Series is what one series is about.
type Series struct{ Namespace, Service, Port, Protocol string }

// served describes the series.
type served struct{ connections, packets, bytes, active, left *prometheus.Desc }

// patience is how long a request for metrics is kept waiting, so that all other
// metrics are answered before Prometheus gives up after ten seconds: those of a
// loop that hangs are asked for most.
const patience = 3 * time.Second

// CountTraffic has the traffic of Services counted whenever metrics are asked for.
// Both arguments are asked from other goroutines than the loop.
func (t *Telemetry) CountTraffic(kernel Counters, ports Ports) {
	t.registry.MustRegister(newTraffic(kernel, ports))
}

func newTraffic(kernel Counters, ports Ports) *traffic {
	about := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("kubeipvs_service_"+name, help, append([]string{"namespace", "service", "port", "protocol"}, more...), nil)
	}
	return &traffic{
		kernel: kernel, ports: ports, last: map[state.VirtualServer]state.Traffic{}, sums: map[Series]*state.Traffic{},
		served: served{
			connections: about("connections_total", "Connections to a port of a Service, at all its addresses; of UDP, flows."),
			packets:     about("packets_total", "Packets to (in) and from (out) a port of a Service.", "direction"),
			bytes:       about("bytes_total", "Bytes to (in) and from (out) a port of a Service.", "direction"),
			active:      about("active_connections", "Established connections that a port of a Service has now."),
			left: prometheus.NewDesc("kubeipvs_service_metrics_left_out",
				"Services without metrics of their traffic, because there are more than --service-metrics allows.", nil, nil),
		},
	}
}

// Describe names the series.
func (t *traffic) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.served.connections, t.served.packets, t.served.bytes, t.served.active, t.served.left} {
		to <- d
	}
}

// Collect counts. Where the kernel cannot be asked, it says so in the log and
// shows nothing.
func (t *traffic) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	ports, left, err := t.ports(ctx)
	if err != nil {
		return // the loop has not begun
	}
	counted, err := t.kernel.Traffic(ctx, slices.Collect(maps.Keys(ports)))
	if err != nil {
		klog.ErrorS(err, "Could not count the traffic of Services")
		return
	}
	t.add(ports, counted)
	to <- prometheus.MustNewConstMetric(t.served.left, prometheus.GaugeValue, float64(left))
	for name, sum := range t.sums {
		labels := []string{name.Namespace, name.Service, name.Port, name.Protocol}
		count := func(d *prometheus.Desc, n uint64, more ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append(slices.Clone(labels), more...)...)
		}
		count(t.served.connections, sum.Connections)
		count(t.served.packets, sum.PacketsIn, "in")
		count(t.served.packets, sum.PacketsOut, "out")
		count(t.served.bytes, sum.BytesIn, "in")
		count(t.served.bytes, sum.BytesOut, "out")
		to <- prometheus.MustNewConstMetric(t.served.active, prometheus.GaugeValue, float64(sum.Active), labels...)
	}
}

// add adds what has been counted since the last time. Series and servers that
// are not among the ports are forgotten.
func (t *traffic) add(ports map[state.VirtualServer]Series, counted map[state.VirtualServer]state.Traffic) {
	wanted := map[Series]bool{}
	for _, name := range ports {
		wanted[name] = true
		if t.sums[name] == nil {
			t.sums[name] = &state.Traffic{}
		}
		t.sums[name].Active = 0
	}
	maps.DeleteFunc(t.sums, func(name Series, _ *state.Traffic) bool { return !wanted[name] })
	for vs, now := range counted {
		was, sum := t.last[vs], t.sums[ports[vs]]
		if now.Connections < was.Connections || now.BytesIn < was.BytesIn {
			was = state.Traffic{} // it has been made anew
		}
		sum.Connections += now.Connections - was.Connections
		sum.PacketsIn += now.PacketsIn - was.PacketsIn
		sum.PacketsOut += now.PacketsOut - was.PacketsOut
		sum.BytesIn += now.BytesIn - was.BytesIn
		sum.BytesOut += now.BytesOut - was.BytesOut
		sum.Active += now.Active
	}
	t.last = counted
}
