package proxier

import (
	"testing"
	"time"
)

// The endpoints of a Service that is never settled may change for years.
func TestCausesAreBounded(t *testing.T) {
	var causes []time.Time
	first := time.Unix(1, 0)
	for i := range 10_000 {
		causes = oldest(append(causes, first.Add(time.Duration(i))))
	}
	if len(causes) != mostCauses || causes[0] != first {
		t.Errorf("%d causes are kept, the first of %s", len(causes), causes[0])
	}
}
