#!/bin/sh
# Puts onto this machine what the tests and e2e/cmd/vm run: a no-op when nothing is missing.
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# program:Debian package
wanted='
qemu-system-x86_64:qemu-system-x86
busybox:busybox-static
modprobe:kmod
depmod:kmod
xz:xz-utils
zstd:zstd
ip:iproute2
iptables:iptables
ip6tables:iptables
ipset:ipset
ipvsadm:ipvsadm
conntrack:conntrack
nft:nftables
nfacct:nfacct
arping:iputils-arping
curl:curl
gcc:gcc
headers:libc6-dev
'

# usable PROGRAM
usable() {
	# The race detector of the unit tests wants a C compiler, and that these.
	if [ "$1" = headers ]; then
		[ -e /usr/include/stdlib.h ]
		return
	fi
	command -v "$1" >/dev/null || return 1
	# The virtual machine starts with busybox alone, without a library.
	[ "$1" != busybox ] || ! ldd "$(command -v busybox)" >/dev/null 2>&1
}

programs=
packages=
for pair in $wanted; do
	if ! usable "${pair%%:*}"; then
		programs="$programs ${pair%%:*}"
		case " $packages " in
		*" ${pair##*:} "*) ;;
		*) packages="$packages ${pair##*:}" ;;
		esac
	fi
done

# The kernel of the virtual machine is downloaded by e2e/cmd/vm itself, but apt must have heard of it.
lists=known
if command -v apt-cache >/dev/null && ! apt-cache show linux-image-amd64 >/dev/null 2>&1; then
	lists=missing
fi

if [ -z "$packages" ] && [ $lists = known ]; then
	exit 0
fi
[ -z "$packages" ] || echo "install.sh: missing:$programs (in Debian's packages:$packages)" >&2
if ! command -v apt-get >/dev/null; then
	echo "install.sh: there is no apt-get here: install them by hand" >&2
	exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	if ! command -v sudo >/dev/null; then
		echo "install.sh: run me as root: there is no sudo here" >&2
		exit 1
	fi
fi

export DEBIAN_FRONTEND=noninteractive
install() {
	# shellcheck disable=SC2086 # a list
	[ -z "$packages" ] || $as_root apt-get install -q -y --no-install-recommends $packages
}

if [ $lists = missing ]; then
	$as_root apt-get update -q
	install
elif ! install; then
	# Lists that are too old name packages that are gone.
	$as_root apt-get update -q
	install
fi
