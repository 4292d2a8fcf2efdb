package proxier

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage may lie about after the first pass: half of
// Go's own. What is kept of a large cluster is then many times what a change
// throws away, so that memory is dear and collecting cheap. At the start much is
// thrown away while everybody waits.
const garbagePercent = 50

// collectOften leaves it to who has set GOGC. GOMEMLIMIT holds in any case.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// giveBack returns to the machine what planning all of a cluster, and reading
// all of the kernel back, has taken: several times what is kept. The runtime
// would do so in minutes.
func giveBack(planned int) {
	if planned > portionServices {
		go debug.FreeOSMemory()
	}
}
