package apiserver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pieces is a body that counts how often it is read.
type pieces struct {
	io.Reader
	reads  int
	closed bool
}

func (p *pieces) Read(b []byte) (int, error) { p.reads++; return p.Reader.Read(b) }

func (p *pieces) Close() error { p.closed = true; return nil }

func TestBuffered(t *testing.T) {
	var body *pieces
	server := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	})
	answer := func(r io.Reader) io.ReadCloser {
		body = &pieces{Reader: r}
		a, err := buffered(server).RoundTrip(nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Body
	}
	t.Run("a long answer is read in few pieces", func(t *testing.T) {
		from := answer(strings.NewReader(strings.Repeat("x", 1<<20)))
		small := make([]byte, 1000)
		n := 0
		for {
			m, err := from.Read(small)
			if n += m; err != nil {
				break
			}
		}
		if n != 1<<20 || body.reads > 1<<20/answerBuffer+1 {
			t.Errorf("%d bytes in %d pieces", n, body.reads)
		}
	})
	t.Run("an event does not wait for the next", func(t *testing.T) {
		in, out := io.Pipe()
		from := answer(in)
		go func() { _, _ = out.Write([]byte("event")) }() // and nothing more
		b := make([]byte, 100)
		if n, err := from.Read(b); string(b[:n]) != "event" || err != nil {
			t.Errorf("%q, %v", b[:n], err)
		}
	})
	t.Run("its end is the server's", func(t *testing.T) {
		if err := answer(strings.NewReader("")).Close(); err != nil || !body.closed {
			t.Errorf("closed: %t, %v", body.closed, err)
		}
	})
}

func TestNothingIsPacked(t *testing.T) {
	var packing string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packing = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"ServiceList","apiVersion":"v1"}`)
	}))
	defer server.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	err := os.WriteFile(kubeconfig, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: c,
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}], contexts: [{name: c, context: {cluster: c}}]}`, server.URL), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	client, err := Config{Kubeconfig: kubeconfig, ContentType: "application/vnd.kubernetes.protobuf"}.client("", limits{perSecond: 5, atOnce: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{}); err != nil || packing != "" {
		t.Errorf("asked for %q, %v", packing, err)
	}
}
