package proxier_test

import (
	"runtime/debug"
	"testing"
	"testing/synctest"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// Once the first pass is over memory is dear, unless GOGC says otherwise.
func TestGarbageIsCollectedOftenLater(t *testing.T) {
	for gogc, want := range map[string]int{"": 50, "100": 100} {
		t.Setenv("GOGC", gogc)
		before := debug.SetGCPercent(100)
		synctest.Test(t, func(t *testing.T) { begun(t, newFakeCluster(), kerneltest.New()) })
		if now := debug.SetGCPercent(before); now != want {
			t.Errorf("with GOGC=%q %d %% of garbage may lie about, want %d", gogc, now, want)
		}
	}
}
