package telemetry

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// kernel has counted so much.
type kernel struct {
	counted map[state.VirtualServer]state.Traffic
	err     error
}

func (k *kernel) Traffic(context.Context, []state.VirtualServer) (map[state.VirtualServer]state.Traffic, error) {
	return k.counted, k.err
}

// The virtual servers of one port are added up, and what is made anew never makes a
// sum smaller (E15).
func TestCountTraffic(t *testing.T) {
	tel, _ := started()
	at := func(text string) state.VirtualServer {
		return state.VirtualServer{Addr: netip.MustParseAddrPort(text), Protocol: state.TCP}
	}
	one, two := at("10.96.0.1:80"), at("198.51.100.1:80")
	k, name := &kernel{}, Series{"shop", "web", "http", "TCP"}
	ports, notBegun := map[state.VirtualServer]Series{one: name, two: name}, errors.New("not begun")
	tel.CountTraffic(k, func(context.Context) (map[state.VirtualServer]Series, int, error) { return ports, 2, notBegun })
	const connections = "kubeipvs_service_connections_total"
	expect(t, tel, connections)
	notBegun = nil
	k.counted = map[state.VirtualServer]state.Traffic{one: {Connections: 5}, two: {Connections: 10}}
	expect(t, tel, connections, "shop,http,TCP,web 15")
	k.counted = map[state.VirtualServer]state.Traffic{one: {Connections: 2}, two: {Connections: 11}}
	expect(t, tel, connections, "shop,http,TCP,web 18")
	expect(t, tel, "kubeipvs_service_metrics_left_out", " 2")
	k.err = errors.New("no answer")
	expect(t, tel, connections)
	k.err, ports = nil, map[state.VirtualServer]Series{}
	k.counted = nil
	expect(t, tel, connections)
}
