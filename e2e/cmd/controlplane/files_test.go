package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFiles has a server and a client meet that know of each other only by the files.
func TestFiles(t *testing.T) {
	f := files(t.TempDir())
	if err := f.write(4711); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.path("kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	config := string(text)
	if !strings.Contains(config, "server: https://127.0.0.1:4711\n") {
		t.Errorf("no server in\n%s", config)
	}
	user, err := tls.X509KeyPair(data(t, config, "client-certificate"), data(t, config, "client-key"))
	if err != nil {
		t.Fatal(err)
	}
	cas := x509.NewCertPool()
	if !cas.AppendCertsFromPEM(data(t, config, "certificate-authority")) {
		t.Fatal("no authority in the kubeconfig")
	}
	server := serve(t, f)

	for host, good := range map[string]bool{
		"127.0.0.1": true, "10.0.2.2": true, "10.96.0.1": true, "localhost": true, "kubernetes.default.svc": true,
		"10.0.2.3": false, "example.com": false,
	} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: cas, Certificates: []tls.Certificate{user}, ServerName: host,
		}}}
		response, err := client.Get(server.URL)
		if !good {
			if err == nil {
				t.Errorf("%s: the certificate holds", host)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		who, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(who) != "admin of [system:masters]" {
			t.Errorf("%s: the server sees %s", host, who)
		}
		client.CloseIdleConnections()
	}
}

// serve runs a server that checks its clients as the API server does, and tells them who they are.
func serve(t *testing.T, f files) *httptest.Server {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(f.path("apiserver.crt"), f.path("apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(f.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.TLS.PeerCertificates[0].Subject
		_, _ = io.WriteString(w, who.CommonName+" of ["+strings.Join(who.Organization, " ")+"]")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func data(t *testing.T, config, name string) []byte {
	t.Helper()
	found := regexp.MustCompile(name + `-data: (\S+)`).FindStringSubmatch(config)
	if found == nil {
		t.Fatalf("no %s in\n%s", name, config)
	}
	text, err := base64.StdEncoding.DecodeString(found[1])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return text
}

// What the servers are told to read is there.
func TestFilesOfArgs(t *testing.T) {
	f := files(t.TempDir())
	if err := f.write(1); err != nil {
		t.Fatal(err)
	}
	for _, arg := range apiserverArgs(f, ports{etcd: 1, etcdPeer: 2, apiserver: 3}) {
		_, file, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(file, string(f)) {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
	}
}
