package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// A cleanup says one thing a line, or all of it to programs.
func TestWhatACleanupSays(t *testing.T) {
	where := leftovers.Where{Backend: leftovers.NFT, Family: ipset.IPv6}
	done := []leftovers.Step{
		{Action: leftovers.Unhook, Where: where, Objects: []string{"nat OUTPUT: -j KUBE-SERVICES"}},
		{Action: leftovers.RemoveDevice, Objects: []string{"kube-ipvs0"}},
	}
	left := leftovers.Plan{
		Steps: []leftovers.Step{{Action: leftovers.DestroySets, Objects: []string{"KUBE-CLUSTER-IP", "KUBE-LOOP-BACK"}}},
		Stays: []leftovers.Blocked{{Object: "chain KUBE-MARK-MASQ", Holder: "held by a rule of CNI"}},
	}
	for _, c := range []struct {
		output string
		what   removal
		want   string
	}{
		{"text", newRemoval(done, left), `done: iptables-nft IPv6: unhook nat OUTPUT: -j KUBE-SERVICES
done: remove device kube-ipvs0
to do: destroy set KUBE-CLUSTER-IP
to do: destroy set KUBE-LOOP-BACK
left: chain KUBE-MARK-MASQ: held by a rule of CNI
`},
		{"text", newRemoval(nil, leftovers.Plan{}), "nothing of kube-ipvs's or kube-proxy's is left\n"},
		{"json", newRemoval(nil, leftovers.Plan{}), `{
  "done": [],
  "todo": [],
  "left": []
}
`},
		{"json", newRemoval(done[:1], leftovers.Plan{Stays: left.Stays}), `{
  "done": [
    {
      "action": "unhook",
      "backend": "nft",
      "family": "IPv6",
      "objects": [
        "nat OUTPUT: -j KUBE-SERVICES"
      ]
    }
  ],
  "todo": [],
  "left": [
    {
      "object": "chain KUBE-MARK-MASQ",
      "holder": "held by a rule of CNI"
    }
  ]
}
`},
	} {
		var b strings.Builder
		if err := c.what.print(&b, c.output); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.output, diff)
		}
	}
}
