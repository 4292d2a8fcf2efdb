package watch

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// The files hold objects as an API server sends them, and what is left of them.
func TestTrim(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want runtime.Object
	}{
		{"service", &v1.Service{}, &v1.Service{}},
		{"slice", &discovery.EndpointSlice{}, &discovery.EndpointSlice{}},
		{"node", &v1.Node{}, &v1.Node{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			load(t, "testdata/"+c.name+".yaml", c.got)
			load(t, "testdata/"+c.name+".trimmed.yaml", c.want)
			for _, time := range []string{"first", "second"} {
				if _, err := trim(c.got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, c.got); diff != "" {
					t.Errorf("%s time (-want +got):\n%s", time, diff)
				}
			}
		})
	}
}

func load(t *testing.T, file string, into runtime.Object) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
