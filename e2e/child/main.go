package child

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Broken is the exit code of a program that could not do its own part.
const Broken = 125

// Stopped is why something was ended before its time, with the exit code that says so.
type Stopped struct {
	Why  string
	Code int
}

func (s Stopped) Error() string { return s.Why }

// The children die with the thread that started them; the main thread lives as long as the process.
func init() { runtime.LockOSThread() }

// Main is all of a program called name: it exits with the code that run answers, or, when run errs, with that of a
// Stopped or with Broken. SIGINT, SIGTERM and SIGHUP end the context, with a Stopped for its cause.
func Main(name string, run func(context.Context) (int, error)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		s := <-signals
		cancel(Stopped{s.String(), 128 + int(s.(syscall.Signal))})
	}()
	code, err := run(ctx)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		code = codeOf(err)
	}
	os.Exit(code)
}

func codeOf(err error) int {
	if s := (Stopped{}); errors.As(err, &s) {
		return s.Code
	}
	return Broken
}
