package figures

import (
	"math"
	"slices"
)

// Samples are measured values in the order in which they were taken.
type Samples []float64

// P is a percentile by nearest rank: the least sample that p per cent of all do
// not exceed. It is 0 of no samples.
func (s Samples) P(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(p / 100 * float64(len(s))))
	return sorted[min(max(rank, 1), len(s))-1]
}

// Worst is the greatest sample, 0 of none.
func (s Samples) Worst() float64 { return s.P(100) }

// Round keeps digits decimals, for the JSON's sake.
func Round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
