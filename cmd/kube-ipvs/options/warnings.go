package options

import (
	"reflect"
	"strings"

	"k8s.io/kube-proxy/config/v1alpha1"
)

// warnOfSilenced names every flag that a file has silenced.
func (r *reading) warnOfSilenced() {
	if r.line.configFile == "" {
		return
	}
	for _, s := range settings {
		if s.flag != "" && r.line.given[s.flag] && s.field != "" && !s.beside && s.verdict != quiet {
			r.warn("--%s: ignored, because %s decides about %s", s.flag, r.line.configFile, s.field)
		}
	}
}

// warnOfUnused names what is asked for and nothing comes of, one line for each
// reason.
func (r *reading) warnOfUnused() {
	var defaults v1alpha1.KubeProxyConfiguration
	setDefaults(&defaults)
	type group struct{ place, reason string }
	var order []group
	names := map[group][]string{}
	for _, s := range settings {
		if s.verdict == outdated && r.line.given[s.flag] && r.line.configFile == "" {
			r.warn("--%s: %s", s.flag, s.text)
		}
		if s.verdict != warned || !r.asksFor(s, &defaults) {
			continue
		}
		place, name := "", "--"+s.flag
		if s.field != "" {
			place, name = r.place(s)
		}
		g := group{place, s.text}
		if names[g] == nil {
			order = append(order, g)
		}
		names[g] = append(names[g], name)
	}
	for _, g := range order {
		r.warn("%s%s: without effect: %s", g.place, strings.Join(names[g], ", "), g.reason)
	}
}

// asksFor says whether s asks for anything that would not be so anyhow: zero
// values ask for nothing, and neither do defaults, which installers write out.
func (r *reading) asksFor(s setting, defaults *v1alpha1.KubeProxyConfiguration) bool {
	if s.field == "" {
		return r.line.given[s.flag]
	}
	if s.own != nil && r.line.given[s.flag] {
		return true
	}
	is, normal := lookup(r.config, s.field), lookup(defaults, s.field)
	return !isZero(is) && !reflect.DeepEqual(is, normal)
}

// isZero says whether of, a pointer, points to zero or to another nil.
func isZero(of any) bool {
	if of, ok := of.(interface{ IsZero() bool }); ok {
		return of.IsZero()
	}
	v := reflect.ValueOf(of).Elem()
	return v.IsZero() || v.Kind() == reflect.Pointer && v.Elem().IsZero()
}
