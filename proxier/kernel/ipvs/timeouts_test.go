package ipvs

import (
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// A time-out that has not been chosen is the kernel's own, but for that of TCP
// (K33); what we have set before counts for nothing.
func TestTimeout(t *testing.T) {
	const udp = "ipvs.udpTimeout"
	for _, c := range []struct {
		what             string
		name             string
		asked, now, want time.Duration
		ours             leftovers.Sysctl
	}{
		{"the kernel's own", tcpTimeout, 0, 15 * time.Minute, 24 * time.Hour, leftovers.Sysctl{}},
		{"asked for", tcpTimeout, time.Hour, 15 * time.Minute, time.Hour, leftovers.Sysctl{}},
		{"somebody's", tcpTimeout, 0, time.Hour, time.Hour, leftovers.Sysctl{}},
		{"ours, without a record", tcpTimeout, 0, 24 * time.Hour, 24 * time.Hour, leftovers.Sysctl{}},
		{"ours", tcpTimeout, 0, 24 * time.Hour, 24 * time.Hour, leftovers.Sysctl{Was: "900", Is: "86400"}},
		{"ours, once asked for", tcpTimeout, 0, time.Hour, 24 * time.Hour, leftovers.Sysctl{Was: "900", Is: "3600"}},
		{"ours in place of somebody's", tcpTimeout, 0, time.Hour, 2 * time.Hour, leftovers.Sysctl{Was: "7200", Is: "3600"}},
		{"changed since", tcpTimeout, 0, 2 * time.Hour, 2 * time.Hour, leftovers.Sysctl{Was: "900", Is: "86400"}},
		{"UDP, the kernel's own", udp, 0, 5 * time.Minute, 5 * time.Minute, leftovers.Sysctl{}},
		{"UDP, ours, once asked for", udp, 0, time.Minute, 5 * time.Minute, leftovers.Sysctl{Was: "300", Is: "60"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := timeout(c.name, c.asked, c.now, c.ours); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
