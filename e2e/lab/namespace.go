//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// ours is the namespace of the thread that opens it; /proc/self would be that
// of the main thread.
const ours = "/proc/thread-self/ns/net"

// shown is where the ip program looks for namespaces.
const shown = "/run/netns"

// Namespace is a network namespace, held by an open file: it is gone when the
// file is closed and no process or socket is left in it.
type Namespace struct {
	Name string

	file *os.File
	path string // under shown, or empty
}

// newNamespace makes a namespace whose loopback is up.
func newNamespace(name string) (*Namespace, error) {
	n := &Namespace{Name: name}
	err := elsewhere(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
		n.file, err = os.Open(ours)
		return err
	})
	if err == nil {
		err = n.Do(prepare)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make namespace %s: %w", name, err), n.close())
	}
	return n, nil
}

// Do runs f on a thread that is in the namespace. Sockets and processes made
// by f stay there; goroutines started by f do not.
func (n *Namespace) Do(f func() error) error {
	return elsewhere(func() error {
		// Closed, the file has no descriptor, and this says so.
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Name, err)
		}
		return nil
	}, f)
}

// elsewhere takes the calling thread to another namespace with enter, calls f
// there and takes it home again.
func elsewhere(enter, f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open(ours)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if e := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); e != nil {
			// The thread stays locked and dies with its goroutine, rather than
			// serve others from the wrong namespace.
			err = errors.Join(err, fmt.Errorf("come home from a namespace: %w", e))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// show makes the namespace visible to `ip netns`, as prefix and its name.
func (n *Namespace) show(prefix string) error {
	if err := os.MkdirAll(shown, 0o755); err != nil {
		return fmt.Errorf("show namespace %s: %w", n.Name, err)
	}
	path := filepath.Join(shown, prefix+n.Name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("show namespace %s: %w", n.Name, err)
	}
	f.Close()
	if err := n.Do(func() error { return unix.Mount(ours, path, "", unix.MS_BIND, "") }); err != nil {
		return errors.Join(fmt.Errorf("show namespace %s at %s: %w", n.Name, path, err), os.Remove(path))
	}
	n.path = path
	return nil
}

// close may be called again.
func (n *Namespace) close() error {
	var errs []error
	if n.path != "" {
		errs = append(errs, unix.Unmount(n.path, unix.MNT_DETACH), os.Remove(n.path))
		n.path = ""
	}
	if n.file != nil {
		if err := n.file.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close namespace %s: %w", n.Name, err)
	}
	return nil
}
