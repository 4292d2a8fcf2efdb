package options

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const fileHead = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"

// mounted is a ConfigMap as the kubelet mounts it: the file is a link into a
// folder, which another link leads to and which is replaced as a whole.
type mounted struct {
	t   *testing.T
	dir string
}

func (m mounted) file() string { return filepath.Join(m.dir, "config.conf") }

func (m mounted) put(folder, text string) {
	m.t.Helper()
	at := filepath.Join(m.dir, folder)
	for _, err := range []error{
		os.Mkdir(at, 0o755), os.WriteFile(filepath.Join(at, "config.conf"), []byte(text), 0o644),
		os.Symlink(folder, filepath.Join(m.dir, "new")), os.Rename(filepath.Join(m.dir, "new"), filepath.Join(m.dir, "..data")),
	} {
		if err != nil {
			m.t.Fatal(err)
		}
	}
}

// The daemon ends, and says why, when its configuration file has another content
// with which it can start again; nothing else ends it.
func TestTheConfigurationFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mounted{t, t.TempDir()}
		m.put("..1", fileHead)
		if err := os.Symlink("..data/config.conf", m.file()); err != nil {
			t.Fatal(err)
		}
		o, err := Parse([]string{"--config=" + m.file(), "--hostname-override=n1"}, os.Hostname)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan error, 1)
		go func() { done <- o.FollowFile(ctx) }()
		goesOn := func(what string) {
			t.Helper()
			time.Sleep(3 * lookAtFile)
			synctest.Wait()
			select {
			case err := <-done:
				t.Fatalf("%s, and it ends: %v", what, err)
			default:
			}
		}
		goesOn("nothing has changed")
		m.put("..2", fileHead)
		goesOn("the same came anew")
		m.put("..3", fileHead+"mode: iptables\n")
		goesOn("it cannot start with the new file")
		if err := os.Remove(m.file()); err != nil {
			t.Fatal(err)
		}
		goesOn("the file has gone")
		if err := os.Symlink("..data/config.conf", m.file()); err != nil {
			t.Fatal(err)
		}
		m.put("..4", fileHead+"ipvs: {scheduler: lc}\n")
		time.Sleep(2 * lookAtFile)
		synctest.Wait()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), m.file()+" has changed") {
				t.Errorf("it ends and says %v", err)
			}
		default:
			t.Error("the file has changed, and it goes on")
		}
	})
}

// Without a file there is nothing to follow.
func TestWithoutAConfigurationFileNothingIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Options{}.FollowFile(ctx) }()
		time.Sleep(time.Hour)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
