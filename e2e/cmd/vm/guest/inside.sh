# The first process once the root folder stands: runs the command, hands its output and exit code out, switches off.
set -e
cd /run/vm
bin/busybox --install -s bin
export PATH=/run/vm/bin

# As on a machine with systemd; `ip netns` relies on it.
mount --make-rshared /

hostname vm
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2

# port: the device of one of qemu's serial ports; they turn up some time after their driver.
port() {
	while :; do
		for p in /sys/class/virtio-ports/*; do
			if [ "$(cat "$p/name" 2>/dev/null)" = "$1" ]; then
				echo "/dev/${p##*/}"
				return
			fi
		done
		sleep 0.02
	done
}

# A port can be opened but once, a pipe as often as a script writes to /dev/stderr.
mkfifo stdout stderr
cat stdout >"$(port stdout)" &
out=$!
cat stderr >"$(port stderr)" &
err=$!
exec 3>"$(port status)"

ulimit -n 65536
code=0
echo started >&3
# In the background, because of one in the foreground that is killed a shell tells tales on its stderr.
sh command.sh >stdout 2>stderr </dev/null 3>&- &
wait $! || code=$?

# Whatever the command has left running may hold the pipes open.
{ sleep 2 && kill $out $err; } 2>/dev/null &
wait $out $err || true
echo "exit $code" >&3
poweroff -f
sleep 60
