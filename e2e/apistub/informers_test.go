package apistub

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
)

func all(n int) map[string]int {
	return map[string]int{"services": n, "endpointslices": n, "nodes": n}
}

// watching waits until each informer's nth watch is open.
func (p *proxy) watching(s *Stub, nth int) {
	p.t.Helper()
	err := s.Await(p.ctx, func(t Traffic) bool {
		return maps.Equal(t.Watches, all(nth)) && maps.Equal(t.Open, all(1))
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestInformersFollow(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		s := shop(t)
		p := follow(t, s)
		p.expect(shopSeen...)
		p.sync()

		set(t, s, service("cart", "10.96.0.11"), slice("cart-v4", 2))
		p.expect("update Service cart 10.96.0.11", "update EndpointSlice cart-v4 2")

		set(t, s, service("stock", "10.96.0.20"), slice("stock", 0), node("node2"), service("till", "None"))
		p.expect("add Service stock 10.96.0.20", "add EndpointSlice stock 0")

		// Out of what the selector wants, and into it, are a deletion and an
		// addition for who watches.
		foreign := service("stock", "10.96.0.20")
		foreign.Labels = map[string]string{"service.kubernetes.io/service-proxy-name": "another"}
		set(t, s, foreign, service("till", "10.96.0.30"))
		p.expect("delete Service stock 10.96.0.20", "add Service till 10.96.0.30")
		set(t, s, foreign)
		remove(t, s, foreign, service("cart", ""), slice("cart-v4", 0), node("node2"))
		p.expect("delete Service cart 10.96.0.11", "delete EndpointSlice cart-v4 2")

		remove(t, s, node("node"))
		p.expect("delete Node node ")
		set(t, s, node("node"))
		p.expect("add Node node ")
		p.quiet(s)
	})
}

func TestWatchListNeedsNoList(t *testing.T) {
	featurestesting.SetFeatureDuringTest(t, features.WatchListClient, true)
	s := shop(t)
	s.Before(func(r *http.Request) error {
		if !IsWatch(r) {
			t.Errorf("asked %s", r.URL)
		}
		return nil
	})
	follow(t, s).sync()
	if got := s.Traffic(); !maps.Equal(got.Lists, all(1)) || !maps.Equal(got.Watches, all(1)) {
		t.Errorf("lists %v, watches %v; want one each", got.Lists, got.Watches)
	}
}

func TestWatchListRefusedFallsBackToList(t *testing.T) {
	featurestesting.SetFeatureDuringTest(t, features.WatchListClient, true)
	s := shop(t)
	s.Before(func(r *http.Request) error {
		if r.URL.Query().Has("sendInitialEvents") {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil)
		}
		return nil
	})
	p := follow(t, s)
	p.expect(shopSeen...)
	p.watching(s, 1)
	if got := s.Traffic(); !maps.Equal(got.Lists, all(1)) {
		t.Errorf("lists %v, want one each", got.Lists)
	}
	p.quiet(s)
}

// While the watches are cut, an object changes, one comes, one goes, and one
// comes and goes: after that every client knows, without a new list.
func TestCutWatchLosesNothing(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		s := shop(t)
		set(t, s, service("stock", "10.96.0.20"))
		p := follow(t, s)
		p.expect(append(slices.Clone(shopSeen), "add Service stock 10.96.0.20")...)
		p.watching(s, 1)
		// Client-go takes a watch for failed, and lists again, if nothing came by it
		// before it broke.
		set(t, s, service("cart", "10.96.0.11"), slice("cart-v4", 2), node("node"))
		p.expect("update Service cart 10.96.0.11", "update EndpointSlice cart-v4 2", "update Node node ")
		lists := s.Traffic().Lists

		cut, mend := make(chan struct{}, 100), make(chan struct{})
		s.Before(func(*http.Request) error { cut <- struct{}{}; <-mend; return nil })
		s.CutWatches()
		for range 3 {
			<-cut // everybody has noticed
		}
		set(t, s, service("cart", "10.96.0.12"), slice("cart-v4", 3), service("new", "10.96.0.40"), service("brief", "10.96.0.50"))
		remove(t, s, service("stock", ""), service("brief", ""), node("node"))
		close(mend)

		p.expect(
			"update Service cart 10.96.0.12", "update EndpointSlice cart-v4 3", "add Service new 10.96.0.40",
			"add Service brief 10.96.0.50", "delete Service brief 10.96.0.50", "delete Service stock 10.96.0.20",
			"delete Node node ")
		set(t, s, node("node"))
		p.expect("add Node node ")
		p.quiet(s)
		if d := cmp.Diff(lists, s.Traffic().Lists); d != "" {
			t.Errorf("listed again: %s", d)
		}
	})
}

func TestForgottenVersionsAreListedAgain(t *testing.T) {
	for name, fault := range map[string]func(*Stub){
		"410 for a new watch":      func(s *Stub) { s.Forget(); s.CutWatches() },
		"410 in the open watch":    (*Stub).ExpireWatches,
		"410 in both of the above": func(s *Stub) { s.Forget(); s.ExpireWatches() },
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T) {
				s := shop(t)
				p := follow(t, s)
				p.expect(shopSeen...)
				p.watching(s, 1)
				mend := make(chan struct{})
				s.Before(func(*http.Request) error { <-mend; return nil })
				set(t, s, service("seen", "10.96.0.60"))
				p.expect("add Service seen 10.96.0.60")
				lists := s.Traffic().Lists["services"]
				fault(s)
				set(t, s, service("cart", "10.96.0.13"))
				remove(t, s, slice("cart-v4", 0))
				close(mend)
				p.expect("update Service cart 10.96.0.13", "delete EndpointSlice cart-v4 1")
				p.quiet(s)
				if now := s.Traffic().Lists["services"]; now == lists {
					t.Error("no informer listed again")
				}
			})
		})
	}
}

func TestDelayedList(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		s := shop(t)
		asked, answer := make(chan struct{}, 100), make(chan struct{})
		s.Before(func(*http.Request) error { asked <- struct{}{}; <-answer; return nil })
		p := follow(t, s)
		<-asked
		for _, synced := range p.synced {
			if synced() {
				t.Error("synced before the API answered")
			}
		}
		close(answer)
		p.expect(shopSeen...)
		p.sync()
	})
}

func TestFailingAPIRecovers(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		s := shop(t)
		refused := make(chan struct{}, 100)
		s.Before(func(*http.Request) error {
			refused <- struct{}{}
			return apierrors.NewServiceUnavailable("not now")
		})
		p := follow(t, s)
		<-refused
		s.Before(nil)
		p.expect(shopSeen...)
		p.sync()
	})
}
