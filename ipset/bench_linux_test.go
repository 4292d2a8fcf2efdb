//go:build e2e

package ipset

import (
	"errors"
	"testing"
)

func BenchmarkAdd1(b *testing.B)     { benchmarkAdd(b, 1, 65536) }
func BenchmarkAdd500(b *testing.B)   { benchmarkAdd(b, 500, 65536) }
func BenchmarkAdd10000(b *testing.B) { benchmarkAdd(b, 10_000, 65536) }

// BenchmarkAddToFull is the worst case: every entry is refused on its own.
func BenchmarkAddToFull(b *testing.B) { benchmarkAdd(b, 10_000, 0) }

// benchmarkAdd fills a new set each time.
func benchmarkAdd(b *testing.B, n int, size uint32) {
	c, _ := openCounted(b)
	entries := numbered(n)
	for b.Loop() {
		b.StopTimer()
		if err := errors.Join(c.Destroy("A"), c.Create(Set{"A", HashIPPort, IPv4, size})); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := errors.Join(c.Add("A", entries)...); (err == nil) != (size > 0) {
			b.Fatal(err)
		}
	}
	perEntry(b, n)
}

func BenchmarkMembers10000(b *testing.B) {
	c, _ := openCounted(b)
	if err := errors.Join(c.Create(Set{"A", HashIPPort, IPv4, 65536}), errors.Join(c.Add("A", numbered(10_000))...)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := c.Members("A"); err != nil || len(got) != 10_000 {
			b.Fatal(len(got), err)
		}
	}
	perEntry(b, 10_000)
}

func perEntry(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/entry")
}
