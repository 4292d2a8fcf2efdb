package adminsocket

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// open serves until the test ends and tells when it can be asked.
func open(t *testing.T, answer Answer) (address string) {
	t.Helper()
	address = fmt.Sprintf("@kube-ipvs-test-%d-%s", os.Getpid(), t.Name())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		Serve(ctx, address, answer, func(err error) { t.Error(err) })
		close(done)
	}()
	t.Cleanup(func() { stop(); <-done })
	for {
		if _, _, err := Ask(t.Context(), address, snapshot.Question{}); !errors.Is(err, ErrNoDaemon) {
			return address
		}
	}
}

func TestWhatIsAskedAndAnsweredArrives(t *testing.T) {
	rows := state.NewRows()
	rows.Addresses[netip.MustParseAddr("10.96.0.1")] = state.None{}
	want := snapshot.Daemon{Version: "v1", Node: "node-a", Services: []snapshot.Service{{Name: "shop/cart", Rows: rows}}}
	var asked snapshot.Question
	address := open(t, func(_ context.Context, q snapshot.Question) (snapshot.Daemon, error) {
		asked = q
		return want, nil
	})
	got, from, err := Ask(t.Context(), address, snapshot.Question{Services: "shop/cart"})
	if err != nil || asked.Services != "shop/cart" || from.PID != os.Getpid() {
		t.Errorf("asked %+v of %s: %v", asked, from, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADaemonThatCannotAnswerSaysWhy(t *testing.T) {
	address := open(t, func(context.Context, snapshot.Question) (snapshot.Daemon, error) {
		return snapshot.Daemon{}, errors.New("it has not\x1b[2J begun")
	})
	if _, _, err := Ask(t.Context(), address, snapshot.Question{}); err == nil || err.Error() != "the daemon that runs here says: it has not\\x1b[2J begun" {
		t.Errorf("%v", err)
	}
}

func TestNobodyAtTheDoor(t *testing.T) {
	if _, _, err := Ask(t.Context(), "@kube-ipvs-test-nobody", snapshot.Question{}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("%v, want %v", err, ErrNoDaemon)
	}
}

// A second daemon in one network namespace is told so, and the first goes on.
func TestOneDoorToANode(t *testing.T) {
	address := open(t, func(context.Context, snapshot.Question) (snapshot.Daemon, error) {
		return snapshot.Daemon{Version: "first"}, nil
	})
	ctx, stop := context.WithCancel(t.Context())
	var said error
	Serve(ctx, address, nil, func(err error) { said = err; stop() })
	if said == nil || !strings.Contains(said.Error(), "address already in use") {
		t.Errorf("the second says %v", said)
	}
	if d, _, err := Ask(t.Context(), address, snapshot.Question{}); err != nil || d.Version != "first" {
		t.Errorf("%+v, %v", d, err)
	}
}
