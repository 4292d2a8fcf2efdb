package apistub

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestWhatCannotBeSet(t *testing.T) {
	s := New()
	if err := s.Set(&eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: "x"}}); err == nil {
		t.Error("set an Event: no error")
	}
	if err := s.Set(node("")); err == nil {
		t.Error("set a Node without a name: no error")
	}
	if err := s.Delete(node("node")); err == nil {
		t.Error("delete a Node that is not there: no error")
	}
}

func TestLoadAllOrNothing(t *testing.T) {
	const good = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n"
	for _, bad := range []string{"][", "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n", "kind: Node\n"} {
		s, dir := New(), t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(want string) {
			t.Helper()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/nodes", nil))
			if got := summary(t, w); got != want {
				t.Errorf("with %q: %s, want %s", bad, got, want)
			}
		}
		write("a.yaml", good)
		write("b.yml", bad)
		write("notes.txt", "not an object")
		if err := s.Load(dir); err == nil || !strings.Contains(err.Error(), "b.yml") {
			t.Errorf("load %q: %v", bad, err)
		}
		expect("200 NodeList 1000")
		write("b.yml", "---\n---\n"+strings.Replace(good, ": a", ": b", 1)+"---\n")
		if err := s.Load(dir); err != nil {
			t.Error(err)
		}
		expect("200 NodeList 1002 a b")
	}
	if err := New().Load("nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("load nowhere: %v", err)
	}
}

func TestKubeconfig(t *testing.T) {
	server := httptest.NewServer(shop(t))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := WriteKubeconfig(path, server.URL); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Nodes().Get(deadline(t), "node", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
