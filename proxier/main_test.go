package proxier_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain finds goroutines that a daemon has left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
