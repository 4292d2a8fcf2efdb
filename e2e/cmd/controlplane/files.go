package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// files is a folder with what the servers and their clients read.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

// write makes all keys and certificates and the kubeconfig for an API server at port.
func (f files) write(port int) error {
	ca, err := newAuthority("e2e")
	if err != nil {
		return err
	}
	// 10.0.2.2 is the host's loopback seen from a virtual machine, 10.96.0.1 the Service `kubernetes`.
	server, err := ca.server("kube-apiserver", "127.0.0.1", "10.0.2.2", "10.96.0.1",
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
	if err != nil {
		return err
	}
	admin, err := ca.client("admin", "system:masters")
	if err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	accounts, err := encodeKey(key)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"ca.crt":               ca.pem,
		"apiserver.crt":        server.cert,
		"apiserver.key":        server.key,
		"service-accounts.key": accounts,
		"kubeconfig":           []byte(kubeconfig(port, ca.pem, admin)),
	} {
		if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig is the text of a kubeconfig that holds everything in itself.
func kubeconfig(port int, ca []byte, user pair) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster:
    server: https://127.0.0.1:%d
    certificate-authority-data: %s
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: e2e
  context:
    cluster: e2e
    user: admin
current-context: e2e
`, port, base64.StdEncoding.EncodeToString(ca),
		base64.StdEncoding.EncodeToString(user.cert), base64.StdEncoding.EncodeToString(user.key))
}
