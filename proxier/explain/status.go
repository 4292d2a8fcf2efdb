package explain

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Status is the state of a daemon on one screen; of one that has not begun, what it
// waits for.
func Status(m snapshot.Machine, d snapshot.Daemon, style Style) string {
	name := fmt.Sprintf("%s on node %s, up %s", d.Version, d.Node, short(d.Taken.Sub(d.Started)))
	if d.Waiting != nil {
		return kernelOnly(m, name, style.in(Error, "not ready")+": it "+Waits(d))
	}
	var b strings.Builder
	var about table
	about.row("kube-ipvs", name)
	about.row("kernel", fmt.Sprintf("%s, scheduler %s, %s", m.Release, d.Scheduler, strings.Join(d.Families, " and ")))
	about.row("health", healthLine(d, style))
	about.row("last pass", fmt.Sprintf("%s ago, %s, took %s", short(d.Taken.Sub(d.Pass.Ended)), count(d.Pass.Services, "Service"), d.Pass.Took.Round(time.Microsecond)))
	about.row("Services", d.Known)
	about.row("takeover", takeoverLine(d.Takeover))
	about.row("service ranges", strings.Join(d.Ranges, ", "))
	b.WriteString(about.String() + "\n")

	var rows table
	rows.row("ROWS", "DESIRED", "OBSERVED", "PENDING", "DRIFT")
	for _, t := range d.Tables {
		rows.row(t.Kind, t.Desired, t.Observed, t.Pending, t.Drift)
	}
	b.WriteString(rows.String())
	if said := warnings(d); len(said) > 0 {
		b.WriteString("\n" + style.in(Warning, "WARNINGS") + "\n")
		for _, w := range said {
			b.WriteString("  " + w + "\n")
		}
	}
	return b.String()
}

// Waits says what a daemon waits for that has not begun.
func Waits(d snapshot.Daemon) string {
	w := d.Waiting
	text := fmt.Sprintf("has waited %s for %s", short(d.Taken.Sub(w.Since)), w.For)
	if w.Failure != "" {
		text += ", the last try: " + w.Failure
	}
	return text
}

// Alone is the state of a machine without a daemon.
func Alone(m snapshot.Machine, why string) string {
	return kernelOnly(m, "no daemon, because "+why, "not known")
}

// kernelOnly is what the kernel has while no daemon says what is wanted.
func kernelOnly(m snapshot.Machine, daemon, health string) string {
	kernel := m.Release
	if !m.IPVS {
		kernel += ", without IPVS"
	}
	var about, rows table
	about.row("kube-ipvs", daemon)
	about.row("kernel", kernel)
	about.row("health", health)
	rows.row("ROWS", "OBSERVED")
	rows.row("set member", len(m.Rows.Members))
	rows.row("virtual server", len(m.Rows.VirtualServers))
	rows.row("real server", len(m.Rows.RealServers))
	rows.row("address", len(m.Rows.Addresses))
	return about.String() + "\n" + rows.String()
}

const ipv4Alone = "the daemon serves IPv4 alone: "

// warnings are failures of the last pass and what cannot be served.
func warnings(d snapshot.Daemon) (all []string) {
	if d.Unserved != "" {
		all = append(all, ipv4Alone+d.Unserved)
	}
	for _, t := range d.Tables {
		if t.Failure != "" {
			all = append(all, fmt.Sprintf("%s not as wanted: %s", count(t.Pending, "row"), t.Failure))
		}
	}
	for _, sign := range d.Takeover.KubeProxy {
		all = append(all, "kube-proxy is at work here too: "+sign)
	}
	for _, stay := range d.Takeover.Blocked {
		all = append(all, "not taken over: "+stay)
	}
	return append(all, d.Remarks...)
}

func healthLine(d snapshot.Daemon, style Style) string {
	h := d.Health
	switch {
	case !h.Ready:
		return style.in(Error, "not ready") + ": " + cmp.Or(h.Reason, "no pass has ended yet")
	case !h.Healthy:
		return style.in(Error, "unhealthy") + ": " + h.Reason
	case !h.Eligible:
		return style.in(Warning, "healthy") + ", but load balancers are told to keep away: the Node is unknown or about to go"
	}
	return style.in(Fine, "healthy")
}

func takeoverLine(t snapshot.Takeover) string {
	switch {
	case !t.Enabled:
		return "off"
	case !t.Done:
		return "waits until all that can be had is in the kernel"
	}
	return fmt.Sprintf("done, removed %s", count(t.Removed, "leftover"))
}

// short is a duration as people say it.
func short(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
