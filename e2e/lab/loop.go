//go:build linux

package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Pace says how often a Loop asks and how long it waits for each answer.
type Pace struct {
	Every, Timeout time.Duration
}

// Counts is what a Loop has seen.
type Counts struct {
	Answers  map[string]int // by Pod
	Failures map[string]int // by reason
	Silence  time.Duration  // the longest time between two answers
}

// Answered is the number of all answers.
func (c Counts) Answered() int { return total(c.Answers) }

// Failed is the number of all failures.
func (c Counts) Failed() int { return total(c.Failures) }

func total(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// String is "p1 12, p2 11; refused 1; longest silence 120ms".
func (c Counts) String() string {
	parts := []string{list(c.Answers)}
	if len(c.Failures) > 0 {
		parts = append(parts, list(c.Failures))
	}
	return fmt.Sprintf("%s; longest silence %s", strings.Join(parts, "; "), c.Silence.Round(time.Millisecond))
}

func list(counts map[string]int) string {
	if len(counts) == 0 {
		return "no answers"
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(words, ", ")
}

// Loop asks again and again, over a new connection each time, and counts. A
// question that waits does not hold up the next one.
type Loop struct {
	ask  func() (Answer, error)
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	counts Counts
	last   time.Time     // of the last answer
	news   chan struct{} // closed when counts change
}

// StartLoop starts a Loop that runs until Stop.
func StartLoop(from *Namespace, protocol corev1.Protocol, to netip.AddrPort, pace Pace) *Loop {
	ctx, stop := context.WithCancel(context.Background())
	l := &Loop{
		ask:    func() (Answer, error) { return Ask(from, protocol, to, pace.Timeout) },
		stop:   stop,
		counts: Counts{Answers: map[string]int{}, Failures: map[string]int{}},
		news:   make(chan struct{}),
	}
	l.work.Go(func() { l.run(ctx, pace.Every) })
	return l
}

func (l *Loop) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		l.work.Go(func() { l.count(l.ask()) })
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (l *Loop) count(a Answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.counts.Failures[reason(err)]++
	} else {
		now := time.Now()
		if !l.last.IsZero() {
			l.counts.Silence = max(l.counts.Silence, now.Sub(l.last))
		}
		l.last = now
		l.counts.Answers[a.Pod]++
	}
	close(l.news)
	l.news = make(chan struct{})
}

// Counts is what has been seen until now.
func (l *Loop) Counts() Counts {
	c, _ := l.look()
	return c
}

func (l *Loop) look() (Counts, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Answers, c.Failures = maps.Clone(c.Answers), maps.Clone(c.Failures)
	return c, l.news
}

// Until returns when enough holds of the counts, or with an error that tells
// them when ctx ends before.
func (l *Loop) Until(ctx context.Context, enough func(Counts) bool) error {
	for {
		c, news := l.look()
		if enough(c) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("wait for a loop that counts %s: %w", c, ctx.Err())
		}
	}
}

// Stop asks no more, waits for the questions that are out, and returns the
// counts.
func (l *Loop) Stop() Counts {
	l.stop()
	l.work.Wait()
	return l.Counts()
}

// Until calls try every 20 ms until it returns nil. When ctx ends before, it
// returns the last error of try.
func Until(ctx context.Context, try func() error) error {
	return UntilEvery(ctx, 20*time.Millisecond, try)
}

// UntilEvery is Until at a pace of its own, for those that are not to be
// disturbed.
func UntilEvery(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-tick.C:
		}
	}
}
