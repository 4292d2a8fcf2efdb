package main

import (
	"slices"
	"testing"
)

// As depmod writes it: every need is listed, the nearest first.
const modulesDep = `kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko
kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko kernel/fs/fscache/fscache.ko
kernel/fs/netfs/netfs.ko: kernel/fs/fscache/fscache.ko
kernel/fs/fscache/fscache.ko:
kernel/drivers/virtio/virtio.ko:
kernel/drivers/net/net-failover.ko.xz:
`

func TestOrder(t *testing.T) {
	ms, err := parseModules(modulesDep)
	if err != nil {
		t.Fatal(err)
	}
	ms.builtIn("kernel/drivers/virtio/virtio_pci.ko\n")
	got, err := ms.order("9pnet_virtio", "9p", "virtio_pci", "net_failover")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"kernel/net/9p/9pnet.ko",
		"kernel/drivers/virtio/virtio.ko",
		"kernel/net/9p/9pnet_virtio.ko",
		"kernel/fs/fscache/fscache.ko",
		"kernel/fs/netfs/netfs.ko",
		"kernel/fs/9p/9p.ko",
		"kernel/drivers/net/net-failover.ko.xz",
	}
	if !slices.Equal(got, want) {
		t.Errorf("order:\n got %q\nwant %q", got, want)
	}
}

func TestOrderUnknown(t *testing.T) {
	ms, err := parseModules("kernel/a.ko: kernel/b.ko\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "c"} {
		if files, err := ms.order(name); err == nil {
			t.Errorf("order(%s) = %q, want an error", name, files)
		}
	}
}

func TestParseModulesBad(t *testing.T) {
	if ms, err := parseModules("kernel/a.ko kernel/b.ko\n"); err == nil {
		t.Errorf("parseModules = %v, want an error", ms)
	}
}
