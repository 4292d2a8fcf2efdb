package proxier

import (
	"errors"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// beginning is how far a daemon is that has not come to its first pass. The
// goroutine of Run writes it, and those who look read it.
type beginning struct {
	mu      sync.Mutex
	waiting *snapshot.Waiting // nil while the loop works
}

// waits notes what comes next.
func (b *beginning) waits(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = &snapshot.Waiting{For: what, Since: time.Now()}
}

// failed notes why that has not come to an end yet.
func (b *beginning) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Failure = err.Error()
}

func (b *beginning) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = nil
}

// look is what the daemon waits for; nil when it works.
func (b *beginning) look() *snapshot.Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		return nil
	}
	w := *b.waiting
	return &w
}

// errNotBegun is all that the loop says before the first pass.
var errNotBegun = errors.New("the daemon has not begun")
