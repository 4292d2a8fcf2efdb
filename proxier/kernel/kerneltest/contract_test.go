package kerneltest_test

import (
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

func TestTheKernelInMemoryKeepsTheContract(t *testing.T) {
	kerneltest.Contract(t, func(*testing.T) kerneltest.Machine { return kerneltest.New() })
}
