package telemetry

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// warnings are Events.
type warnings struct {
	api    Objects
	events Events
	told   map[unheld]string // what was last told of rows that could not be had
}

// of says on a Service what is the matter with it, unless it has gone meanwhile. A
// name without a namespace is no Service's: what is said of that is about our Node.
func (w *warnings) of(name types.NamespacedName, what Warning) {
	if name.Namespace == "" {
		w.ofNode(what)
		return
	}
	if object, _ := w.api.Service(name); object != nil {
		w.events.Warn(object, what)
	}
}

// ofNode says it on our Node, if there is one.
func (w *warnings) ofNode(what Warning) {
	if node := w.api.Node(); node != nil {
		w.events.WarnNode(node, what)
	}
}

// unheld is a Service of which something could not be had, and the word under
// which its Event files that.
type unheld struct {
	types.NamespacedName
	reason string
}

// ofRows tells those who look at a Service what of it could not be had: in
// kube-proxy's words that its health port is not open, and a row that the kernel
// refuses while it takes others. It is told again when it has changed.
func (w *warnings) ofRows(traffic, healthPorts []Table) {
	before := w.told
	w.told = map[unheld]string{}
	warn := func(t Table, what Warning, about func(error) bool) {
		t.EachFailed(func(_ any, owners []types.NamespacedName, err error) {
			for _, svc := range owners {
				u := unheld{svc, what.Reason}
				if _, already := w.told[u]; already || !about(err) {
					continue
				}
				w.told[u] = err.Error()
				if before[u] != err.Error() {
					what.Note = note([]string{err.Error()})
					w.of(svc, what)
				}
			}
		})
	}
	for _, t := range healthPorts {
		warn(t, Warning{Reason: "FailedToStartServiceHealthcheck", Action: "Listen"}, func(error) bool { return true })
	}
	for _, t := range traffic {
		if !t.Broken() {
			warn(t, Warning{Reason: "RefusedByKernel", Action: "Program"}, func(err error) bool { return errors.Is(err, reconcile.ErrRefused) })
		}
	}
}

// longestNote is what the API allows of an Event's text.
const longestNote = 1024

func note(texts []string) string {
	all := strings.Join(texts, "; ")
	if len(all) > longestNote {
		all = strings.ToValidUTF8(all[:longestNote], "")
	}
	return all
}
