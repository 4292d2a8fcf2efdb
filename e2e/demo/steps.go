//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

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
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("ask for the kernel's version: %w", err)
	}
	d.step("The machine", "One Linux kernel plays a small cluster: everything that has a name below is a network "+
		"namespace of its own, and every line is a link that carries real packets.")
	d.block(strings.Trim(picture, "\n"))
	d.say("Linux %s. The lab took %s to build. kube-ipvs runs on node. The Pods p1, p2 and r1 are web, a server on "+
		"port %d that tells its name and which client it sees. p4 and outside only ask.",
		unix.ByteSliceToString(name.Release[:]), short(d.stage.took), webPort)
	return nil
}

//go:embed leftovers.rules
var leftovers string

// before puts in place what kube-proxy leaves behind.
func (d *demo) before(context.Context) error {
	d.step("What kube-proxy has left behind", "In iptables mode kube-proxy makes chains for every Service (KUBE-SVC) and "+
		"every endpoint (KUBE-SEP). Switched to another mode it leaves them where they are. The demo has put "+
		"some of them into the nat table of node:")
	err := d.node().Do(func() error {
		restore := exec.Command("iptables-restore", "--noflush")
		restore.Stdin = strings.NewReader(leftovers)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("load the old chains: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all, err := d.chains()
	if err != nil {
		return err
	}
	d.old, d.foreign = sorted(all)
	t := table{{"chain", "rules", "jumps to it", "made for"}}
	for _, c := range d.old {
		t = append(t, []string{c.name, fmt.Sprint(len(c.rules)), fmt.Sprint(c.jumps), c.what})
	}
	d.block(t.String())
	d.say("%d chains. Nothing but they themselves jumps to them: no packet comes here any more. Beside them are %s, "+
		"which are not for Services and used by others too; they must stay.", len(d.old), names(d.foreign))
	return nil
}

// start starts the daemon and waits until every Service answers.
func (d *demo) start(ctx context.Context) error {
	d.fronts = d.stage.world.fronts()
	questions, err := d.stage.questions(d.fronts)
	if err != nil {
		return err
	}
	d.step("kube-ipvs starts", "The API has three Services in front of the same three Pods, for the three ways of reaching one:")
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
	answers := make(chan error)
	for _, q := range questions {
		go func() { answers <- q.await(ctx, d.stage.lab.Namespace(q.from)) }()
	}
	var errs []error
	for range questions {
		errs = append(errs, <-answers)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.say("%s after the start of the process every Service answered at every address.", short(time.Since(begin)))
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
	ctx, cancel := context.WithTimeout(ctx, waiting)
	go func() {
		select {
		case <-d.stage.process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// requests asks at every address.
func (d *demo) requests(context.Context) error {
	d.step("Requests", fmt.Sprintf("Every address is asked %d times, each time over a new connection. Who answered, and "+
		"which client did the Pods see?", each))
	if err := d.ask(); err != nil {
		return err
	}
	d.say("web and web-np: node stands in for the client when it is no Pod, so that answers come back the same way. "+
		"web-lb has externalTrafficPolicy Local: only Pods of node answer, and they see the client itself.")
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
		r := q.ask(d.stage.lab.Namespace(q.from))
		d.asked += r.asked
		answers := shares(r.pods)
		wrong := q.verdict(r)
		if len(wrong) > 0 {
			answers += " WRONG"
		}
		d.problems = append(d.problems, wrong...)
		t = append(t, []string{q.from, q.front.at.String(), q.front.String(), answers, keys(r.clients)})
	}
	d.block(t.String())
	return nil
}

// waiting is how long anything may take that kube-ipvs is to do.
const waiting = 30 * time.Second

// await returns when q is answered as it should be.
func (q question) await(ctx context.Context, from *lab.Namespace) error {
	const attempt = 250 * time.Millisecond
	return lab.Until(ctx, func() error {
		r := replies{pods: map[string]int{}, clients: map[string]int{}, problems: map[string]int{}}
		answer, err := lab.Ask(from, lab.TCP, q.front.at, attempt)
		r.count(q, answer, err)
		if wrong := q.verdict(r); len(wrong) > 0 {
			return errors.New(wrong[0])
		}
		return nil
	})
}
