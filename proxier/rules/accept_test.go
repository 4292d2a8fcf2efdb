package rules_test

import (
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// K41: on a host that refuses by default Services are let in before its rules,
// unless these are to decide.
func TestServicesAreAcceptedWhereTheHostRefuses(t *testing.T) {
	for _, c := range []struct {
		accept         rules.AcceptMode
		refuses, wants bool
	}{
		{refuses: false, wants: false},
		{refuses: true, wants: true},
		{rules.AcceptAuto, false, false},
		{rules.AcceptAuto, true, true},
		{rules.AcceptAlways, false, true},
		{rules.AcceptNever, true, false},
	} {
		if got := c.accept.Where(c.refuses); got != c.wants {
			t.Errorf("%q, the host refuses %t: accepted %t", c.accept, c.refuses, got)
		}
	}
}
