package proxier

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

var index = regexp.MustCompile(`\[\d+\]`)

// refusedField is what remarks are counted by: the field without the place in a
// list, and the reason where there is a word for it.
type refusedField struct{ field, reason string }

func fieldOf(r cluster.Remark) refusedField {
	return refusedField{index.ReplaceAllString(r.Field, ""), r.Reason}
}

// tellRemarks logs what is new and tells those who look at the Service, or at our
// Node where it is about no Service. It waits
// for all Services of a pass to have been planned: what one of them gives up in it
// another may have, whichever was planned first.
func (p *Proxier) tellRemarks() {
	news := p.services.takeNews()
	for _, svc := range slices.SortedFunc(maps.Keys(news), byName) {
		texts := map[string][]string{}
		for _, r := range news[svc] {
			klog.InfoS("Cannot be programmed and is left out", "object", r.Object, "field", r.Field, "problem", r.Problem)
			texts[reason(r)] = append(texts[reason(r)], r.String())
		}
		for _, why := range slices.Sorted(maps.Keys(texts)) {
			p.warn(svc, Warning{Reason: why, Action: "Program", Note: note(texts[why])})
		}
	}
}

// warn says on svc what is the matter with it, unless it has gone meanwhile.
func (p *Proxier) warn(svc owner, of Warning) {
	if svc == ranges {
		if node := p.api.Node(); node != nil {
			p.events.WarnNode(node, of)
		}
		return
	}
	if object, _ := p.api.Service(svc); object != nil {
		p.events.Warn(object, of)
	}
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

// longestNote is what the API allows of an Event's text.
const longestNote = 1024

func note(texts []string) string {
	all := strings.Join(texts, "; ")
	if len(all) > longestNote {
		all = strings.ToValidUTF8(all[:longestNote], "")
	}
	return all
}
