package explain

import (
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// checkFirewall asks who decides about clients of Services, our rules or the
// host's.
func checkFirewall(m snapshot.Machine, w Requirements) (all []Result) {
	for _, t := range m.Tables {
		if !t.Ours || !t.Refuses {
			continue
		}
		if t.Accepts || w.Accept {
			all = append(all, Result{Fine, t.Program, "filter INPUT keeps out what none of its rules lets in; Services are accepted before that", ""})
			continue
		}
		all = append(all, Result{
			Warning, t.Program, "filter INPUT keeps out what none of its rules lets in, clients of Services too",
			"--accept-service-traffic=auto accepts them, or let them in by rules of your own",
		})
	}
	for _, p := range m.Processes {
		if p.Name == "firewalld" {
			all = append(all, Result{
				Warning, p.Name, fmt.Sprintf("runs here (process %d): it refuses by rules of its own, behind those of iptables", p.ID),
				"put the networks of Pods and Nodes into its zone trusted, and open ports of Services that are for others",
			})
		}
	}
	return all
}
