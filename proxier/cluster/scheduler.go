package cluster

import (
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Scheduler is how a Service wants its connections shared out. The zero value
// leaves it to the node.
type Scheduler struct {
	Name  string // in the kernel's words
	Field string // where the Service says so

	// Ports tells whether a client's port counts beside its address, with the
	// schedulers that hash; nil: as is usual for the scheduler.
	Ports *bool
}

// Annotations of a Service, ours before kube-router's.
var (
	schedulerKeys = []string{"kube-ipvs.io/scheduler", "kube-router.io/service.scheduler"}
	flagsKeys     = []string{"kube-ipvs.io/scheduler-flags", "kube-router.io/service.schedflags"}
)

// scheduler takes the kernel's schedulers only: the kernel loads the module
// ip_vs_NAME for whatever name it is asked for, and not all such modules are
// schedulers (ip_vs_ftp).
func (n *notes) scheduler(svc *v1.Service) (s Scheduler) {
	if key, text, given := first(svc.Annotations, schedulerKeys); given {
		s.Field = annotation(key)
		if _, known := state.Schedulers[text]; known {
			s.Name = text
		} else {
			all := strings.Join(state.SchedulerNames(), ", ")
			n.add(fmt.Errorf("%q is not a scheduler of the kernel (%s): the node's is used", text, all), "%s", s.Field)
		}
	}
	if key, text, given := first(svc.Annotations, flagsKeys); given {
		ports, err := parseFlags(text)
		if err != nil {
			n.add(err, "%s", annotation(key))
			return s
		}
		s.Ports = &ports
		if s.Field == "" {
			s.Field = annotation(key)
		}
	}
	return s
}

// parseFlags reads flags in ipvsadm's words, and in those of kube-router, which
// numbers them. That a real server which gets no new connections is passed over
// is not a matter of choice here: without it clients of one that drains would be
// refused.
func parseFlags(text string) (ports bool, err error) {
	for word := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(word) {
		case "mh-port", "sh-port", "port", "flag-2":
			ports = true
		case "mh-fallback", "sh-fallback", "fallback", "flag-1", "":
		default:
			return false, fmt.Errorf("%q is not a flag of a scheduler: mh-port, mh-fallback, sh-port and sh-fallback are; the usual ones are used", word)
		}
	}
	return ports, nil
}

// weightKey is the annotation of an EndpointSlice that gives all its endpoints a
// share other than 1.
const weightKey = "kube-ipvs.io/weight"

// weight of all endpoints of a slice; zero when it says nothing. More than 16
// bits is more than tools show.
func (n *notes) weight(slice *discovery.EndpointSlice) uint16 {
	text, given := slice.Annotations[weightKey]
	if !given {
		return 0
	}
	weight, err := strconv.ParseUint(text, 10, 16)
	if err != nil || weight == 0 {
		n.add(fmt.Errorf("%q is not a weight from 1 to 65535: 1 is used", text), "%s", annotation(weightKey))
		return 0
	}
	return uint16(weight)
}

// first is the first of these annotations that is given.
func first(annotations map[string]string, keys []string) (key, text string, given bool) {
	for _, key := range keys {
		if text, given := annotations[key]; given {
			return key, text, true
		}
	}
	return "", "", false
}

func annotation(key string) string { return "metadata.annotations[" + key + "]" }
