package turn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func address(t *testing.T) string {
	return fmt.Sprintf("@kube-ipvs-turn-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

func take(t *testing.T, at, name string) *Turn {
	t.Helper()
	turn, err := Wait(t.Context(), at, name, func(holder string) { t.Errorf("%s waits for %s", name, holder) })
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// The next waits, says for whom, and has the turn at once when the first ends
// (F22).
func TestOneAfterTheOther(t *testing.T) {
	at := address(t)
	first := take(t, at, "the first")
	if holder := Holder(t.Context(), at); holder != "the first" {
		t.Errorf("the turn is held by %q", holder)
	}
	waits, has := make(chan string, 2), make(chan *Turn, 2)
	for range 2 {
		go func() {
			turn, err := Wait(t.Context(), at, "the next", func(holder string) { waits <- holder })
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
		t.Fatal("two have the turn")
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
	if holder := Holder(t.Context(), at); holder != "" {
		t.Errorf("nobody is left, and the turn is held by %q", holder)
	}
}

// TestMain lets this program be a process that takes the turn and is killed.
func TestMain(m *testing.M) {
	if at := os.Getenv("TAKE_THE_TURN"); at != "" {
		if _, err := Wait(context.Background(), at, "a process", func(string) {}); err != nil {
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
	turn, err := Wait(t.Context(), at, "we", func(holder string) {
		if holder != "a process" {
			t.Errorf("waits for %q", holder)
		}
		if err := process.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := turn.Close(); err != nil {
		t.Error(err)
	}
	_ = process.Wait() // it was killed
}

// Waiting ends with its context, and one who says nothing is waited for too.
func TestWaitingEnds(t *testing.T) {
	at := address(t)
	mute, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := Wait(ctx, at, "we", func(holder string) { t.Errorf("waits for %q", holder) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
