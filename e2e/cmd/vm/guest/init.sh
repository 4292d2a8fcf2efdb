#!/bin/busybox sh
# The first process of the virtual machine, in the initramfs: builds the root folder and moves into it.
# When it fails the kernel panics, qemu ends, and the reason stands last but one in the console's log.
set -e
/bin/busybox --install -s /bin
export PATH=/bin

plan9=trans=virtio,version=9p2000.L,msize=512000

# modules: the kernel's own, for modprobe
modules() {
	mkdir -p "/root/lib/modules/${1##*/}"
	mount --bind "/host$1" "/root/lib/modules/${1##*/}"
}

# show: a folder of the host's below one of the fresh mounts
show() {
	mkdir -p "/root$1"
	mount --bind "/host$1" "/root$1"
}

# share: a folder of the host's that can be written to
share() {
	mkdir -p "/root$1"
	mount -t 9p -o $plan9 share "/root$1"
}

for module in /modules/*; do
	insmod "$module"
done

mount -t 9p -o $plan9,ro,cache=loose host /host
mount -t tmpfs tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root

for folder in dev proc run sys tmp; do
	mkdir -p "/root/$folder"
done
mount -t devtmpfs devtmpfs /root/dev
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t tmpfs -o mode=755 tmpfs /root/run
mount -t tmpfs -o mode=1777 tmpfs /root/tmp
mkdir -p /root/dev/shm
mount -t tmpfs -o mode=1777 tmpfs /root/dev/shm

. /folders.sh

mkdir -p /root/run/vm/bin
cp /bin/busybox /root/run/vm/bin
cp /inside.sh /command.sh /root/run/vm
exec switch_root /root /run/vm/bin/busybox sh /run/vm/inside.sh
