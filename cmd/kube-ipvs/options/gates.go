package options

import (
	"maps"
	"slices"
	"strings"
)

const externalIPsGate = "AllowServiceExternalIPs"

// gates are the feature gates whose present value makes no difference here, or
// none that could be missed.
var gates = map[string]func(on bool) bool{
	externalIPsGate:                       either,
	"KubeProxyIPVS":                       isOn,
	"PreferSameTrafficDistribution":       isOn,
	"MultiCIDRServiceAllocator":           either,
	"NFTablesNetlink":                     either,
	"ComponentFlagz":                      either,
	"ComponentStatusz":                    either,
	"LoggingAlphaOptions":                 either,
	"LoggingBetaOptions":                  either,
	"ContextualLogging":                   either,
	"NativeHistograms":                    either,
	"AllAlpha":                            either,
	"AllBeta":                             either,
	"WatchListClient":                     either,
	"InformerResourceVersion":             either,
	"InOrderInformers":                    either,
	"InOrderInformersBatchProcess":        either,
	"ClientsAllowCBOR":                    either,
	"ClientsPreferCBOR":                   either,
	"KubeProxyNFTablesLocalhostNodePorts": either,
}

func either(bool) bool  { return true }
func isOn(on bool) bool { return on }

func fillExternalIPs(r *reading, _ setting, o *Options) {
	on, set := r.config.FeatureGates[externalIPsGate]
	o.Proxier.IgnoreExternalIPs = set && !on
}

// warnOfGates names all gates that cannot be had, in one line.
func (r *reading) warnOfGates() {
	var without []string
	for _, name := range slices.Sorted(maps.Keys(r.config.FeatureGates)) {
		fine := gates[name]
		if on := r.config.FeatureGates[name]; fine == nil || !fine(on) {
			without = append(without, show(&map[string]bool{name: on}))
		}
	}
	if without != nil {
		r.warn("%s: without effect: %s", r.name("featureGates"), strings.Join(without, ", "))
	}
}
