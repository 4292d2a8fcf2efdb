package nodelock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/peercred"
)

func address(t *testing.T) string {
	return fmt.Sprintf("@kube-ipvs-lock-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

func take(t *testing.T, at, name string) *Turn {
	t.Helper()
	lock := Lock{Address: at, Name: name, Waiting: func(h Holder) { t.Errorf("%s waits for %s", name, h) }}
	turn, err := lock.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// The next waits, says for whom, and has the lock at once when the first ends
// (F22).
func TestOneAfterTheOther(t *testing.T) {
	at := address(t)
	first := take(t, at, "the first")
	if holder := HolderOf(t.Context(), at); holder == nil || holder.Name != "the first" {
		t.Errorf("the lock is held by %v", holder)
	}
	waits, has := make(chan string, 2), make(chan *Turn, 2)
	for range 2 {
		go func() {
			turn, err := Lock{Address: at, Name: "the next", Waiting: named(func(name string) { waits <- name })}.Wait(t.Context())
			if err != nil {
				t.Error(err)
			}
			has <- turn
		}()
	}
	for range 2 {
		if holder := <-waits; holder != "the first" {
			t.Errorf("waits for %q", holder)
		}
	}
	select {
	case <-has:
		t.Fatal("two have the lock")
	default:
	}
	begin := time.Now()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := <-has
	if took := time.Since(begin); took > again/2 {
		t.Errorf("taken over after %s", took)
	}
	if holder := <-waits; holder != "the next" {
		t.Errorf("the third waits for %q", holder)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := <-has
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if holder := HolderOf(t.Context(), at); holder != nil {
		t.Errorf("no process is left, and the lock is held by %s", holder)
	}
}

// TestMain lets this program be a process that takes the lock and is killed.
func TestMain(m *testing.M) {
	if at := os.Getenv("TAKE_THE_TURN"); at != "" {
		lock := Lock{Address: at, Name: "a process", Waiting: func(Holder) {}}
		if _, err := lock.Wait(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println("has it")
		select {}
	}
	os.Exit(m.Run())
}

// A process that is killed holds nothing any more.
func TestAProcessThatIsKilledGivesUpItsTurn(t *testing.T) {
	at := address(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(self)
	process.Env = append(os.Environ(), "TAKE_THE_TURN="+at)
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	turn, err := Lock{Address: at, Name: "we", Waiting: named(func(name string) {
		if name != "a process" {
			t.Errorf("waits for %q", name)
		}
		if err := process.Process.Kill(); err != nil {
			t.Error(err)
		}
	})}.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := turn.Close(); err != nil {
		t.Error(err)
	}
	_ = process.Wait() // it was killed
}

// named tells names only.
func named(tell func(name string)) func(Holder) {
	return func(h Holder) {
		if h.Name != "" {
			tell(h.Name)
		}
	}
}

// mute holds the lock and says nothing.
func mute(t *testing.T) (at string) {
	t.Helper()
	at = address(t)
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return at
}

// One that may serve and says nothing is waited for too, is named at once by what
// the kernel knows of it, and once more when it has had time to say its name.
// Waiting ends with its context.
func TestOneThatSaysNothingIsNamedByTheKernel(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var told []string
	lock := Lock{Address: mute(t), nameLimit: 20 * time.Millisecond, Waiting: func(h Holder) { told = append(told, h.String()) }}
	time.AfterFunc(200*time.Millisecond, stop)
	if _, err := lock.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if want := fmt.Sprintf("process %d of user %d", os.Getpid(), os.Geteuid()); len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %q once", told, want)
	}
}

// One that cannot serve is passed over at once, and named.
func TestOneThatCannotServeIsPassedOver(t *testing.T) {
	lock := Lock{
		Address: mute(t), Waiting: func(h Holder) { t.Errorf("waits for %s", h) },
		refuse: func(p peercred.Peer) error { return fmt.Errorf("%s has no CAP_NET_ADMIN", p) },
	}
	_, err := lock.Wait(t.Context())
	if want := fmt.Sprintf("process %d of user", os.Getpid()); !errors.Is(err, ErrPassedOver) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// One of whom it cannot be seen whether it may serve is waited for, for a while,
// and does not prolong that by hanging up.
func TestOneThatCannotBeSeenIsNotWaitedForForEver(t *testing.T) {
	for name, hold := range map[string]func(net.Conn){
		"says nothing": func(net.Conn) {},
		"says a name":  func(c net.Conn) { _, _ = fmt.Fprintln(c, "\x1b[2Janother") },
		"hangs up":     func(c net.Conn) { _ = c.Close() },
		"says a name and hangs up": func(c net.Conn) {
			_, _ = fmt.Fprintln(c, "another")
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := address(t)
			l, err := net.Listen("unix", at)
			if err != nil {
				t.Fatal(err)
			}
			var keep []net.Conn
			var accepting sync.WaitGroup
			accepting.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					keep = append(keep, conn)
					hold(conn)
				}
			})
			lock := Lock{
				Address: at, Waiting: func(Holder) {}, nameLimit: 10 * time.Millisecond, unseenLimit: 300 * time.Millisecond,
				known: func(peercred.Peer) bool { return false },
			}
			begin := time.Now()
			_, err = lock.Wait(t.Context())
			if took := time.Since(begin); !errors.Is(err, ErrPassedOver) || took < lock.unseenLimit || took > 10*time.Second {
				t.Errorf("after %s: %v", took, err)
			}
			_ = l.Close()
			accepting.Wait()
			if len(keep) > 100 {
				t.Errorf("it was asked %d times", len(keep))
			}
		})
	}
}
