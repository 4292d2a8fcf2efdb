package device

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// Name is that of the dummy interface that Service addresses are bound to. Others
// know it by this name and pass it over: MetalLB, Calico, kubespray.
const Name = "kube-ipvs0"

// Device is that interface, and the network namespace that it is in. It is for
// the goroutine that writes rows, but for what is said to be for others.
type Device struct {
	served       *host.Served
	rows         *wire.Conn      // rtnetlink: addresses
	prepare      *wire.Conn      // rtnetlink: routes, for Prepare beside that goroutine
	links        *netlink.Handle // rtnetlink: everything else; it takes requests one at a time
	index        atomic.Int64    // when it was last looked for; also for the goroutine that listens
	made         atomic.Int64    // how often, since EnsureDevice told
	subscription *wire.Subscription
}

// Open opens sockets in the network namespace of this thread, and makes nothing.
func Open(served *host.Served) (d *Device, err error) {
	d = &Device{served: served}
	if d.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	err = d.links.SetSocketTimeout(wire.Timeout)
	if err == nil {
		d.rows, err = wire.Dial(unix.NETLINK_ROUTE)
	}
	if err == nil {
		d.prepare, err = wire.Dial(unix.NETLINK_ROUTE)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open rtnetlink: %w", err), d.Close())
	}
	return d, nil
}

// Close lets go of all sockets; nothing in the kernel changes.
func (d *Device) Close() error {
	d.subscription.Close()
	d.links.Close()
	return errors.Join(d.rows.Close(), d.prepare.Close())
}

// EnsureDevice makes the device if it is missing, and tells how often that was
// done since it was last called. It stays down, which is enough for its addresses
// to be local and keeps it out of routing. Where IPv6 is served it is on for the
// device. It may run beside the goroutine that writes rows.
func (d *Device) EnsureDevice() (made int, err error) {
	err = d.ensure()
	return int(d.made.Swap(0)), err
}

func (d *Device) ensure() error {
	if err := d.make(); err != nil || !d.served.IPv6() {
		return err
	}
	return switchOnIPv6()
}

func (d *Device) make() error {
	link, err := d.find()
	if err != nil {
		return err
	}
	if link != nil {
		if link.Type() != "dummy" {
			err = fmt.Errorf("device %s is a %s, not a dummy: rename or remove it", Name, link.Type())
		}
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = Name
	err = d.links.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
	switch {
	case err == nil:
		d.made.Add(1)
	case !errors.Is(err, unix.EEXIST):
		return fmt.Errorf("make device %s: %w", Name, wire.Translate(err, map[unix.Errno]error{
			unix.EOPNOTSUPP: errors.New("the kernel has no dummy devices (module dummy)"),
		}))
	}
	_, err = d.find() // has a number now
	return err
}

// find is nil when there is none.
func (d *Device) find() (netlink.Link, error) {
	link, err := d.links.LinkByName(Name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for device %s: %w", Name, wire.Translate(err, nil))
	}
	d.index.Store(int64(link.Attrs().Index))
	return link, nil
}

const noDevice = -1

// number is that of our device, or noDevice.
func (d *Device) number() (int, error) {
	link, err := d.find()
	if err != nil || link == nil {
		return noDevice, err
	}
	return link.Attrs().Index, nil
}

// DeviceType is the kind of device that bears the name; empty if none does.
func (d *Device) DeviceType() (string, error) {
	link, err := d.find()
	if err != nil || link == nil {
		return "", err
	}
	return link.Type(), nil
}

// RemoveDevice removes it with all addresses on it.
func (d *Device) RemoveDevice() error {
	link, err := d.find()
	if err != nil || link == nil {
		return err
	}
	return wire.Translate(d.links.LinkDel(link), map[unix.Errno]error{unix.ENODEV: nil})
}
