package proxier

import (
	"os"
	"runtime/debug"
)

// How much garbage may lie about, in percent of what is kept. The first pass
// makes much and keeps little of it, while everybody waits: Go's own measure.
// After it what is kept of a large cluster is many times what a change throws
// away, so that memory is dear and collecting cheap.
const (
	garbageAtStart = 100
	garbageLater   = 50
)

// collectSeldom holds until the first pass is over. Who has set GOGC decides
// alone; GOMEMLIMIT holds in any case.
func collectSeldom() { setGarbage(garbageAtStart) }

func collectOften() { setGarbage(garbageLater) }

func setGarbage(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
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
