//go:build e2e

package kernel

import (
	"os"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// subscriptions counts the netlink sockets of this network namespace that are in
// any group.
func subscriptions(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[0] != "sk" && fields[3] != "00000000" {
			n++
		}
	}
	return n
}

// Those who only look would only take the kernel's time with events.
func TestAReaderSubscribesToNothing(t *testing.T) {
	kerneltest.FreshNamespace(t)
	before := subscriptions(t)
	openHere(t, config)
	serving := subscriptions(t)
	if serving == before {
		t.Fatal("a daemon subscribes to nothing either: this test sees no subscription")
	}
	reader, err := OpenAsIs(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	if now := subscriptions(t); now != serving {
		t.Errorf("%d sockets are subscribed, %d before", now, serving)
	}
	rows, err := reader.Members().List(t.Context())
	if err != nil || len(rows) > 0 {
		t.Errorf("%d members, %v", len(rows), err)
	}
}
