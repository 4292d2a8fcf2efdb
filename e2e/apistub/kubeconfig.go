package apistub

import (
	"fmt"
	"os"
)

// WriteKubeconfig writes a file with which clients find an API at url, a Stub's
// as a rule: no user, no certificates.
func WriteKubeconfig(path, url string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: stub, cluster: {server: %q}}]
contexts: [{name: stub, context: {cluster: stub}}]
current-context: stub
`, url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
