package kerneltest

import (
	"context"
	"maps"
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Prepare makes sets and device, and mends what was damaged.
func (k *Kernel) Prepare(context.Context) (mended state.Mended, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("prepare"); err != nil {
		return nil, err
	}
	mended = maps.Clone(k.damaged)
	delete(mended, "sysctl")
	maps.DeleteFunc(k.damaged, func(kind string, _ int) bool { return kind != "sysctl" })
	if !k.device {
		mended[state.MendedDevice]++
	}
	k.prepared, k.device = true, true
	return mended, nil
}

// Sysctls sets those that were damaged.
func (k *Kernel) Sysctls(context.Context) (set int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("set sysctls"); err != nil {
		return 0, err
	}
	set = k.damaged["sysctl"]
	delete(k.damaged, "sysctl")
	return set, nil
}

// Damage spoils one thing that never varies, of this kind: a "sysctl", the
// "device" with all its addresses, a "set", a "rule".
func (k *Kernel) Damage(kind string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if kind == "device" {
		k.device = false
		clear(k.addresses.held)
		return
	}
	k.damaged[kind]++
}

// alone are addresses each of which is in no network with others.
func alone(addrs []netip.Addr) (all []netip.Prefix) {
	for _, a := range addrs {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// SetNodeAddresses changes them and tells of it.
func (k *Kernel) SetNodeAddresses(addrs ...netip.Addr) { k.SetNodeNetworks(alone(addrs)...) }

// SetNodeNetworks does so with addresses in networks.
func (k *Kernel) SetNodeNetworks(addrs ...netip.Prefix) {
	k.mu.Lock()
	k.nodes = addrs
	k.mu.Unlock()
	k.Tell(func(t *state.Changed) { t.NodeAddresses = true })
}

// WaysOut are those given to SetWaysOut. It never fails, and is not counted:
// NodeAddresses, with which it is asked, is.
func (k *Kernel) WaysOut(context.Context) (state.WaysOut, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ways, nil
}

// SetWaysOut changes them, of which the kernel tells nothing.
func (k *Kernel) SetWaysOut(w state.WaysOut) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ways = w
}

// Tell has the machine tell of something.
func (k *Kernel) Tell(change func(*state.Changed)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.told)
	select {
	case k.touched <- struct{}{}:
	default:
	}
}

// Changed tells that there is something for TakeChanged.
func (k *Kernel) Changed() <-chan struct{} { return k.touched }

// TakeChanged is what has been told since the last time.
func (k *Kernel) TakeChanged() state.Changed {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.told
	k.told = state.Changed{}
	return t
}
