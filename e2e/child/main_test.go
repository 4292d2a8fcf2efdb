package child

import (
	"errors"
	"fmt"
	"testing"
)

func TestCodeOf(t *testing.T) {
	for want, err := range map[int]error{
		124: fmt.Errorf("run: %w", Stopped{"too late", 124}),
		125: errors.New("no such file"),
	} {
		if got := codeOf(err); got != want {
			t.Errorf("code of %v: %d, want %d", err, got, want)
		}
	}
}
