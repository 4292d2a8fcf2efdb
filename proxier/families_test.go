package proxier_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/proxier/explain"
)

// Where IPv6 cannot be served IPv4 goes on alone, in good health, and it is told
// (K44).
func TestIPv4AloneWhereIPv6CannotBeServed(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, archive)
		s.kernel.LeaveOut(errors.New("IPv6: sysctl net.ipv6.conf.kube-ipvs0.disable_ipv6 is 1"))
		if err := s.api.apply(s.file("web.yaml")); err != nil {
			t.Fatal(err)
		}
		s.api.setRanges("10.96.0.0/16", "fd00:10:96::/108")
		s.api.setPods("10.244.1.0/24", "fd00:10:244:1::/64")
		s.start()
		defer s.stop()
		pause(10 * time.Minute)
		if rows := s.kernel.Rows(); len(rows.VirtualServers) == 0 || strings.Contains(rows.String(), "fd00") {
			t.Errorf("the kernel holds:\n%s", rows)
		}
		if r := s.health.Report(time.Now()); !r.Healthy || !s.health.Ready() {
			t.Errorf("ready %t, %+v", s.health.Ready(), r)
		}
		for family, want := range map[string]float64{"IPv4": 1, "IPv6": 0} {
			if got := sample(t, s.proxier, "kubeipvs_family_served", family); got != want {
				t.Errorf("%s is served: %g, want %g", family, got, want)
			}
		}
		m, d := s.views("")
		const why = "the daemon serves IPv4 alone: IPv6: sysctl net.ipv6.conf.kube-ipvs0.disable_ipv6 is 1"
		if text := explain.Status(m, d, explain.Style{}); !strings.Contains(text, why) {
			t.Errorf("status:\n%s", text)
		}
	})
}
