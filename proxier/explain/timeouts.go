package explain

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// checkTimeouts compares IPVS' patience with idle connections to that of their
// ends, once a daemon has set it (K33).
func checkTimeouts(m snapshot.Machine, d *snapshot.Daemon) []Result {
	after, err := strconv.Atoi(m.Sysctls["net.ipv4.tcp_keepalive_time"])
	keepalive := time.Duration(after) * time.Second
	if d == nil || err != nil || m.TCPTimeout == 0 || m.TCPTimeout > keepalive {
		return nil
	}
	return []Result{{
		Warning, "IPVS time-out",
		fmt.Sprintf("idle TCP connections are forgotten after %s, before their ends ask each other whether they are there (%s)", m.TCPTimeout, keepalive),
		"leave out --ipvs-tcp-timeout, or make it longer than net.ipv4.tcp_keepalive_time",
	}}
}
