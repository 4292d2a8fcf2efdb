//go:build linux

package harness

import (
	"bytes"
	"sync"
)

// lastWords is how many bytes Log.LastWords gives at most.
const lastWords = 4 << 10

// Log keeps what programs say.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything.
func (l *Log) String() string { return l.Since(0) }

// Len is how many bytes have been said: a place for Since.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// Since is what has been said after the first n bytes.
func (l *Log) Since(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[n:]
}

// LastWords are the end of it.
func (l *Log) LastWords() string { return l.Since(max(0, l.Len()-lastWords)) }
