//go:build linux

package main

import (
	"fmt"
	"strings"

	bpf "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// filterCalls holds this thread, and what it executes, to the profile that
// Docker has by default; containerd's and CRI-O's are made after it.
func filterCalls(keep capabilities) error {
	var spec specs.Spec
	spec.Process = &specs.Process{Capabilities: &specs.LinuxCapabilities{}}
	for _, name := range keep {
		spec.Process.Capabilities.Bounding = append(spec.Process.Capabilities.Bounding, "CAP_"+strings.ToUpper(name))
	}
	profile, err := seccomp.GetDefaultProfile(&spec)
	if err != nil {
		return err
	}
	here, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	policy, err := policyOf(profile, here.SyscallNames)
	if err != nil {
		return err
	}
	return bpf.LoadFilter(bpf.Filter{Policy: policy})
}

// policyOf puts all conditions into one last group: the library looks no further
// for a call of which it has tried the conditions in vain. What this
// architecture, or the library, does not know is left out, and so forbidden.
func policyOf(profile *specs.LinuxSeccomp, known map[string]int) (policy bpf.Policy, err error) {
	conditional := bpf.SyscallGroup{Action: bpf.ActionAllow}
	for _, rule := range profile.Syscalls {
		action, err := actionOf(rule)
		if err != nil {
			return policy, err
		}
		group := bpf.SyscallGroup{Action: action}
		var conditions bpf.ArgumentConditions
		for _, a := range rule.Args {
			operation, err := operationOf(a)
			if err != nil {
				return policy, err
			}
			conditions = append(conditions, bpf.Condition{Argument: uint32(a.Index), Operation: operation, Value: a.Value})
		}
		for _, name := range rule.Names {
			switch _, is := known[name]; {
			case !is:
			case conditions == nil:
				group.Names = append(group.Names, name)
			case action != bpf.ActionAllow:
				return policy, fmt.Errorf("the profile forbids %s under conditions", name)
			default:
				conditional.NamesWithCondtions = append(conditional.NamesWithCondtions, bpf.NameWithConditions{Name: name, Conditions: conditions})
			}
		}
		policy.Syscalls = append(policy.Syscalls, group)
	}
	policy.DefaultAction = bpf.ActionErrno
	policy.Syscalls = append(policy.Syscalls, conditional)
	return policy, nil
}

func actionOf(rule specs.LinuxSyscall) (bpf.Action, error) {
	switch {
	case rule.Action == specs.ActAllow:
		return bpf.ActionAllow, nil
	case rule.Action == specs.ActErrno && rule.ErrnoRet != nil:
		return bpf.ActionErrno&^0xffff | bpf.Action(*rule.ErrnoRet), nil
	}
	return 0, fmt.Errorf("the profile has action %s", rule.Action)
}

func operationOf(a specs.LinuxSeccompArg) (bpf.Operation, error) {
	switch {
	case a.Op == specs.OpEqualTo:
		return bpf.Equal, nil
	case a.Op == specs.OpNotEqual:
		return bpf.NotEqual, nil
	case a.Op == specs.OpLessThan:
		return bpf.LessThan, nil
	case a.Op == specs.OpMaskedEqual && a.ValueTwo == 0:
		return bpf.BitsNotSet, nil
	}
	return "", fmt.Errorf("the profile compares by %s", a.Op)
}
