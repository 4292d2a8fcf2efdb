//go:build e2e

// These tests need root: `make e2e` brings it.
package adminsocket

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// TestMain lets this program be one who answers in the place of a daemon.
func TestMain(m *testing.M) {
	if at := os.Getenv("ANSWER_AT"); at != "" {
		l, err := net.Listen("unix", at)
		if err != nil {
			panic(err)
		}
		fmt.Println("answers")
		panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(snapshot.Daemon{Node: "forged \x1b[2J", Remarks: []string{"all is well"}})
		})))
	}
	os.Exit(m.Run())
}

// Root, who looks, believes no process that could not serve: another user, or a process
// of root's without CAP_NET_ADMIN. What one says who could serve moves no cursor.
func TestWhoIsBelieved(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		as   []string
		want string // why not; empty: believed
	}{
		"another user":                        {[]string{"setpriv", "--reuid=65534", "--clear-groups"}, " of user 65534 is neither root nor our own user"},
		"root without rights":                 {[]string{"setpriv", "--bounding-set=-all"}, " of user 0 has no CAP_NET_ADMIN, without which it cannot serve"},
		"root in a user namespace of its own": {[]string{"unshare", "--user", "--map-root-user"}, " of user 0 has no CAP_NET_ADMIN, without which it cannot serve"},
		"root":                                {[]string{"env"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := fmt.Sprintf("@kube-ipvs-door-%d-%d", os.Getpid(), len(name))
			one := exec.Command(c.as[0], append(c.as[1:], self)...)
			one.Env = append(os.Environ(), "ANSWER_AT="+at)
			one.Stderr = os.Stderr
			out, err := one.StdoutPipe()
			if err == nil {
				err = one.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = one.Process.Kill(); _ = one.Wait() })
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			d, _, err := Ask(t.Context(), at, snapshot.Question{})
			switch {
			case c.want == "" && (err != nil || d.Node != `forged \u001b[2J`):
				t.Errorf("%q, %v", d.Node, err)
			case c.want != "" && (err == nil || d.Node != "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%q, %v, want %s", d.Node, err, c.want)
			}
		})
	}
}
