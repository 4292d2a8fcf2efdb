//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// waiting is how long anything may take that kube-ipvs is to do.
const waiting = time.Minute

const picture = `
  p1   p2   p3   p4              r1   r2         Pods
   |    |    |    |               |    |
 +-+----+----+----+-+        +----+----+--+
 |       node       |        |   node2    |
 +--------+---------+        +-----+------+
          |  192.0.2.1             |  192.0.2.2
----------+-----------+------------+-------      192.0.2.0/24 and 2001:db8:0:2::/64
                      |  192.0.2.100
                   outside
`

// machine says where all of this happens.
func (d *demo) machine(context.Context) error {
	d.step("The machine", "One Linux kernel plays a small cluster: everything that has a name below is a network "+
		"namespace of its own, and every line is a link that carries real packets.")
	d.block(strings.Trim(picture, "\n"))
	d.say("kube-ipvs is going to run on node. The Pods p1, p2 and r1 are web, a server on port %d that answers with its "+
		"name and the client that it sees. p3 and r2 join later; p4 and outside only ask.", webPort)
	slow := ""
	if cpus, err := os.ReadFile("/proc/cpuinfo"); err == nil && strings.Contains(string(cpus), "QEMU TCG") {
		slow = " Its processor is emulated: all times are many times those of a real one."
	}
	d.say("The kernel is Linux %s; the lab took %s to build.%s", lab.KernelRelease(), short(d.stage.took), slow)
	return nil
}

// start starts the daemon and waits until every Service answers.
func (d *demo) start(ctx context.Context) error {
	d.fronts = d.stage.world.fronts()
	questions, err := d.stage.questions(d.fronts)
	if err != nil {
		return err
	}
	d.step("kube-ipvs starts", "The API has one Service for each way of reaching web. kube-ipvs, "+
		"started as follows, is to serve them.")
	t := table{{"Service", "type", "addresses", "who may answer"}}
	for _, s := range d.stage.world.services {
		t = append(t, d.summary(s.Name, string(s.Spec.Type)))
	}
	d.block(t.String())
	d.block("$ kube-ipvs " + strings.Join(d.stage.options(), " \\\n            "))

	begin := time.Now()
	if err := d.stage.start(); err != nil {
		return err
	}
	ctx, cancel := d.untilItEnds(ctx)
	defer cancel()
	// Asked too early, the node's connection tracking would remember questions
	// that had no answer, and treat a later one from the same port like them.
	if err := lab.Until(ctx, func() error { return errors.Join(d.ready(), d.takenOver()) }); err != nil {
		return err
	}
	for _, q := range questions {
		d.judge(q, q.ask(d.stage.lab.Namespace(q.from), 1))
	}
	d.say("%s after the start of the process the kernel was ready, kube-proxy's rules were gone, and every address had "+
		"answered a first request: that of web-lb, too.",
		short(time.Since(begin)))
	return nil
}

// ready tells whether the kernel has what the API asks for.
func (d *demo) ready() error {
	s, err := readServers(d.node())
	if err != nil {
		return err
	}
	if err := s.lacks(d.fronts); err != nil {
		return err
	}
	bound, err := d.node().Addresses("kube-ipvs0")
	if err != nil {
		return err
	}
	for _, f := range d.fronts {
		if a := f.at.Addr(); f.way != v1.ServiceTypeNodePort && !strings.Contains(bound, fmt.Sprintf("%s/%d\n", a, a.BitLen())) {
			return fmt.Errorf("kube-ipvs0 lacks the address %s (%s)", a, f)
		}
	}
	return nil
}

// summary is the row of one Service.
func (d *demo) summary(service, kind string) []string {
	var at, pods []string
	for _, f := range d.fronts {
		if f.service == service && f.chief {
			at, pods = append(at, f.at.String()), d.stage.podNames(f)
		}
	}
	return []string{service, kind, strings.Join(at, "  "), strings.Join(pods, " ")}
}

// untilItEnds is a context that also ends with the daemon.
func (d *demo) untilItEnds(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeout(ctx, waiting)
	ctx, cancel := d.stage.daemon.WhileItRuns(ctx)
	return ctx, func() { cancel(); stop() }
}

// requests asks at every address.
func (d *demo) requests(context.Context) error {
	d.step("Requests", fmt.Sprintf("Every address is asked %d times, each time over a new connection. Who answers, and "+
		"which client do the Pods see?", each))
	if err := d.ask(); err != nil {
		return err
	}
	d.say("A Pod that asks is seen as itself. For others node puts its own address in, so that the answers come back " +
		"through it. web-lb has externalTrafficPolicy Local: only Pods of node answer, and they see the client itself.")
	return nil
}

// ask asks all questions and shows what came of them.
func (d *demo) ask() error {
	questions, err := d.stage.questions(d.fronts)
	if err != nil {
		return err
	}
	t := table{{"from", "to", "Service", "answers", "client seen"}}
	for _, q := range questions {
		r := q.ask(d.stage.lab.Namespace(q.from), each)
		row := []string{q.from, q.front.at.String(), q.front.String(), shares(r.pods), keys(r.clients)}
		if !d.judge(q, r) {
			row = append(row, "WRONG")
		}
		t = append(t, row)
	}
	d.block(t.String())
	return nil
}

// judge counts the replies to a question and tells whether they were right.
func (d *demo) judge(q question, r replies) bool {
	d.asked += r.asked
	wrong := q.verdict(r)
	if wrong != "" {
		d.wrong("%s", wrong)
	}
	return wrong == ""
}

// kernel shows what the kernel holds as a person sees it.
func (d *demo) kernel(context.Context) error {
	d.step("What the kernel holds", "The requests never met kube-ipvs itself. It has told the kernel which addresses are "+
		"Services (virtual servers, in IPVS' words) and which Pods are behind them (real servers); the names on the "+
		"right are the demo's.")
	text, err := d.node().Run("ipvsadm", "-Ln")
	if err != nil {
		return err
	}
	half, virtual, behind := explained(text, d.fronts, d.stage.names)
	d.block("$ ipvsadm -Ln\n" + half)
	d.say("Pods and the node itself may reach all Pods behind web-lb, clients from outside only those of the node: the "+
		"former are led to 246.51.100.10, a shadow of its address. For IPv6 the same follows, %d virtual servers with "+
		"%d real ones. flag-3 is the mark of what kube-ipvs has made; InActConn are the connections just ended. So that the node takes packets for addresses that are "+
		"not its own, they are on a device, which is down because nothing ever leaves through it:", virtual, behind)
	if text, err = d.node().Run("ip", "-br", "addr", "show", "kube-ipvs0"); err != nil {
		return err
	}
	d.block("$ ip -br addr show kube-ipvs0\n" + hanging(text))
	return nil
}

// scale adds two Pods to web and measures.
func (d *demo) scale(ctx context.Context) error {
	var more []endpoint
	for _, h := range []struct {
		*lab.Host
		pod string
	}{{d.stage.lab.Node, "p3"}, {d.stage.lab.Node2, "r2"}} {
		p := d.stage.lab.Pod(h.pod)
		more = append(more, endpoint{p.IPv4, h.Name}, endpoint{p.IPv6, h.Name})
	}
	d.step("From three Pods to five", "web is scaled: p3 and r2 are written into the EndpointSlices of all three Services, "+
		"and the same questions are asked again.")
	w := d.stage.world.grown(more)
	d.fronts = w.fronts()
	begin := time.Now()
	for _, s := range w.slices {
		if err := d.stage.api.Set(s); err != nil {
			return err
		}
	}
	ctx, cancel := d.untilItEnds(ctx)
	defer cancel()
	err := often(ctx, d.ready)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	d.say("%s after the first of %d writes to the API the kernel had the new Pods behind all %d virtual servers. (The "+
		"demo reads the kernel's own list, /proc/net/ip_vs, over and over.)", short(took), len(w.slices), len(d.fronts))
	return d.ask()
}

// often calls try every millisecond until it returns nil or ctx ends: finer
// than lab.Until, for what is measured.
func often(ctx context.Context, try func() error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}
