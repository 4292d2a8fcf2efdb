package options

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-proxy/config/v1alpha1"
)

var (
	// The kernel keeps a scheduler's name in 16 bytes, the last of them zero.
	schedulerName = regexp.MustCompile(`^[a-z0-9_-]{1,15}$`)
	minorVersion  = regexp.MustCompile(`^(\d+\.\d+)?$`)
	// A name of an interface has 15 bytes at most. A + would stand for any rest.
	interfaceName   = regexp.MustCompile(`^[^\s/+]{1,15}$`)
	interfacePrefix = regexp.MustCompile(`^[^\s/+]{1,14}$`)
)

// check returns what a value must be, or nothing when it is that. The value is
// plain: a duration, a number or a text.
type check func(r *reading, v reflect.Value) (must string)

// plain is the value that to points to, without the types that the
// configuration file wraps it in.
func plain(to any) reflect.Value {
	v := reflect.ValueOf(to).Elem()
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if d, ok := v.Interface().(metav1.Duration); ok {
		return reflect.ValueOf(d.Duration)
	}
	return v
}

func notNegative(_ *reading, v reflect.Value) (must string) {
	if v.Int() < 0 {
		must = "must not be negative"
	}
	return must
}

func positive(_ *reading, v reflect.Value) (must string) {
	if v.Int() <= 0 {
		must = "must be greater than 0"
	}
	return must
}

func between(least, most int64) check {
	return func(_ *reading, v reflect.Value) (must string) {
		if n := v.Int(); n < least || n > most {
			must = fmt.Sprintf("must be from %d to %d", least, most)
		}
		return must
	}
}

func oneOf(words ...string) check {
	return func(_ *reading, v reflect.Value) (must string) {
		if !slices.Contains(words, v.String()) {
			last := len(words) - 1
			must = "must be " + strings.Join(words[:last], ", ") + " or " + words[last]
		}
		return must
	}
}

func matching(pattern *regexp.Regexp, otherwise string) check {
	return func(_ *reading, v reflect.Value) (must string) {
		if !pattern.MatchString(v.String()) {
			must = otherwise
		}
		return must
	}
}

// isOurMode says which program has the mode that we do not have.
func isOurMode(_ *reading, v reflect.Value) (must string) {
	switch mode := v.String(); mode {
	case "", "ipvs":
		return ""
	case "iptables", "nftables":
		return "must be ipvs or empty; for " + mode + " run kube-proxy"
	case "kernelspace":
		return "must be ipvs or empty; for kernelspace run kube-proxy.exe on Windows"
	}
	return "must be ipvs or empty"
}

func isMinSyncPeriod(r *reading, v reflect.Value) (must string) {
	longest := r.config.IPVS.SyncPeriod.Duration
	if longest > 0 && v.Int() > int64(longest) {
		return "must not be longer than " + r.name("ipvs.syncPeriod") + ", " + longest.String()
	}
	return notNegative(r, v)
}

// isBridge and isInterfacePrefix ask for a name only where Pods are told by it.
func isBridge(r *reading, v reflect.Value) (must string) {
	return nameFor(r, v, byBridge, interfaceName, "must name an interface for %s, with at most 15 characters")
}

func isInterfacePrefix(r *reading, v reflect.Value) (must string) {
	return nameFor(r, v, byInterfacePrefix, interfacePrefix, "must be a prefix of names of interfaces for %s, with at most 14 characters")
}

func nameFor(r *reading, v reflect.Value, mode v1alpha1.LocalMode, pattern *regexp.Regexp, must string) string {
	if r.config.DetectLocalMode != mode || pattern.MatchString(v.String()) {
		return ""
	}
	return fmt.Sprintf(must, r.name("detectLocalMode")+" "+string(mode))
}
