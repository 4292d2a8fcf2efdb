package xt

import "testing"

// Chains that lead to each other go together.
func TestChainsAreEmptyBeforeTheFirstGoes(t *testing.T) {
	todo := (&tables{prefix: "KIPVS-"}).compare(built([]chain{
		{table: "nat", name: "KIPVS-A", rules: []string{"-j KIPVS-B"}}, {table: "nat", name: "KIPVS-B"},
	}), nil)
	const want = "*nat\n:KIPVS-A - [0:0]\n:KIPVS-B - [0:0]\n-X KIPVS-A\n-X KIPVS-B\nCOMMIT\n"
	if got := todo.dropText(); got != want {
		t.Errorf("iptables-restore is told\n%swant\n%s", got, want)
	}
}
