package telemetry

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

// remarks are about what cannot be programmed.
type remarks struct {
	fields map[refusedField]int                      // remarks of all Services; a field that has none any more says 0 once
	before map[types.NamespacedName][]cluster.Remark // of what was planned since remarks were last told: those of then
}

func newRemarks() remarks {
	return remarks{map[refusedField]int{}, map[types.NamespacedName][]cluster.Remark{}}
}

var index = regexp.MustCompile(`\[\d+\]`)

// refusedField is what remarks are counted by: the field without the place in a
// list, and the reason where there is a word for it.
type refusedField struct{ field, reason string }

func fieldOf(r cluster.Remark) refusedField {
	return refusedField{index.ReplaceAllString(r.Field, ""), r.Reason}
}

// Remark replaces the remarks on one Service, or on what is in no namespace.
func (t *Telemetry) Remark(name types.NamespacedName, before, now []cluster.Remark) {
	r := &t.remarks
	if len(before) == 0 && len(now) == 0 {
		return
	}
	if _, already := r.before[name]; !already {
		r.before[name] = before
	}
	for _, each := range before {
		r.fields[fieldOf(each)]--
	}
	for _, each := range now {
		r.fields[fieldOf(each)]++
	}
}

// TellRemarks logs what is new since it was last called and tells those who look at
// the Service, or at our Node where it is about no Service. It is called when all
// Services of a pass have been planned: what one of them gives up in it another may
// have, whichever was planned first.
func (t *Telemetry) TellRemarks(on func(types.NamespacedName) []cluster.Remark) {
	before := t.remarks.before
	t.remarks.before = map[types.NamespacedName][]cluster.Remark{}
	for _, name := range slices.SortedFunc(maps.Keys(before), byName) {
		texts := map[string][]string{}
		for _, r := range on(name) {
			if slices.Contains(before[name], r) {
				continue
			}
			klog.InfoS("Cannot be programmed and is left out", "object", r.Object, "field", r.Field, "problem", r.Problem)
			texts[reason(r)] = append(texts[reason(r)], r.String())
		}
		for _, why := range slices.Sorted(maps.Keys(texts)) {
			t.warnings.of(name, Warning{Reason: why, Action: "Program", Note: note(texts[why])})
		}
	}
}

func byName(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// reason is the word under which an Event files a remark. Of those with the same
// word that follow each other the API keeps only the first text.
func reason(r cluster.Remark) string {
	switch {
	case strings.HasPrefix(r.Field, "metadata.annotations["):
		return "AnnotationIgnored"
	case r.Object == "ServiceCIDR":
		return "RangeLeftOut"
	}
	return "NotServed"
}
