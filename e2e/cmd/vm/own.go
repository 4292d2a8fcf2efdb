package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// lacking says why this machine's own kernel will not do, or nil.
func lacking(ctx context.Context) error {
	if os.Getuid() != 0 {
		return errors.New("not root")
	}
	// Where IPVS is built in there is nothing to load; the family is what counts.
	_ = exec.CommandContext(ctx, "modprobe", "ip_vs").Run()
	if _, err := netlink.GenlFamilyGet("IPVS"); err != nil {
		return fmt.Errorf("find IPVS in this machine's kernel: %w", err)
	}
	return nil
}

// runOwn runs the command on this machine's own kernel.
func runOwn(ctx context.Context, opts options, environ []string) (int, error) {
	version, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "vm: this machine's own kernel, Linux %s\n", strings.TrimSpace(string(version)))

	cmd := child.Command(ctx, opts.command[0], opts.command[1:]...)
	cmd.Env = environment(environ, "127.0.0.1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	code, err := child.Run(cmd)
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	return code, err
}
