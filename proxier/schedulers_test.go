package proxier_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// nameScheduler has the first of the numbered Services name a scheduler.
func (c *fakeCluster) nameScheduler(name string) {
	svc, _ := numbered(0, 0, 0)
	svc.Annotations = map[string]string{"kube-ipvs.io/scheduler": name}
	c.setService(svc)
	synctest.Wait()
}

// tries is how often the kernel has been asked for a scheduler since calls were
// last counted.
func tries(k *kerneltest.Kernel) (n int) {
	for line := range strings.Lines(k.Calls()) {
		_, _ = fmt.Sscanf(line, "try scheduler %d", &n)
	}
	return n
}

// The kernel is asked for its own schedulers only: each other name would have it
// look for a module, and load what is not one of a scheduler (ip_vs_ftp).
func TestOnlyTheKernelsSchedulersAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := running(t, 1)
		for i := range 500 {
			api.nameScheduler(fmt.Sprint("x", i))
		}
		for _, name := range []string{"ftp", "pe_sip", "", "RR", "rr\x00"} {
			api.nameScheduler(name)
		}
		time.Sleep(5 * testConfig.SyncPeriod)
		synctest.Wait()
		if n := tries(k); n > 0 {
			t.Errorf("no Service has named a scheduler of the kernel, which was asked %d times", n)
		}
		if told := api.told(); !strings.Contains(told, `shop/cart-0: Service shop/cart-0: metadata.annotations[kube-ipvs.io/scheduler]: "ftp" is not a scheduler of the kernel (dh, fo, `) {
			t.Errorf("those who look at the Service are told\n%s", told)
		}
	})
}

// What the kernel lacks is asked for less and less often, and not at all when
// no Service names it any more.
func TestWhatTheKernelLacksIsAskedForLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := running(t, 1)
		k.SetSchedulers("rr")
		api.nameScheduler("lc")
		if n := tries(k); n != 1 {
			t.Errorf("asked %d times at first", n)
		}
		time.Sleep(time.Hour)
		if n := tries(k); n < 6 || n > 12 { // after 30 s, 1, 2, 4, 8 and then every 10 minutes
			t.Errorf("asked %d times in an hour", n)
		}
		api.remove("shop/cart-0")
		for range 100 {
			api.nameScheduler("lc")
			api.remove("shop/cart-0")
			synctest.Wait()
		}
		if n := tries(k); n > 0 {
			t.Errorf("asked %d times because a Service came and went", n)
		}
		time.Sleep(time.Hour)
		if n := tries(k); n > 0 {
			t.Errorf("asked %d times for what no Service names", n)
		}
		k.SetSchedulers("rr", "lc")
		api.nameScheduler("lc")
		if n := tries(k); n != 1 || !strings.Contains(k.Rows().String(), "virtual server 10.96.0.0:80/TCP lc") {
			t.Errorf("asked %d times for a name that was forgotten; there is\n%s", n, k.Rows())
		}
	})
}
