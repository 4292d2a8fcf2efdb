//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// foreignRules are of the kubelet, of CNI plugins and of network policies, as
// they stand on nodes. Some begin with KUBE- and end in 16 characters like
// kube-proxy's own.
const foreignRules = `*mangle
:KUBE-IPTABLES-HINT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*nat
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-MARK-DROP - [0:0]
:KUBE-HOSTPORTS - [0:0]
:KUBE-HP-4YVONL46AKYWSKS3 - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
:DOCKER - [0:0]
:cali-PREROUTING - [0:0]
-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
-A PREROUTING -m comment --comment "kube hostport portals" -m addrtype --dst-type LOCAL -j KUBE-HOSTPORTS
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-A POSTROUTING -o elsewhere -j MASQUERADE
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000
-A KUBE-HOSTPORTS -p tcp -m comment --comment "pod_ns hostport 8080" -m tcp --dport 8080 -j KUBE-HP-4YVONL46AKYWSKS3
COMMIT
*filter
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-ROUTER-INPUT - [0:0]
:KUBE-POD-FW-XJ2ATEV4D5JAQFAG - [0:0]
:KUBE-NWPLCY-DEFAULT - [0:0]
:CILIUM_INPUT - [0:0]
:FLANNEL-FWD - [0:0]
-A INPUT -j KUBE-FIREWALL
-A INPUT -m comment --comment "kube-router netpol" -j KUBE-ROUTER-INPUT
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A OUTPUT -j KUBE-FIREWALL
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-POD-FW-XJ2ATEV4D5JAQFAG -m set --match-set KUBE-SRC-AEQWMTJXMFBYX4UA src -j ACCEPT
COMMIT
`

// foreignSets are those of network policies and one that was made by hand.
const foreignSets = `create KUBE-SRC-AEQWMTJXMFBYX4UA hash:ip
add KUBE-SRC-AEQWMTJXMFBYX4UA 10.244.1.77
create kube-router-node-ips hash:ip
create KUBE-CLUSTER-IPS hash:ip
add KUBE-CLUSTER-IPS 203.0.113.7
`

// foreignServers are keepalived's.
const foreignServers = `-A -t 203.0.113.1:80 -s wrr
-a -t 203.0.113.1:80 -r 203.0.113.2:80 -m -w 5
-A -u 203.0.113.1:53 -s rr -p 60
-A -t [2001:db8:113::1]:80 -s wlc
`

// lentChain is how old kubelets made the chain that the port mapping of CNI can
// be told to jump to.
const lentChain = `*nat
:KUBE-MARK-MASQ - [0:0]
:CNI-DN-0123456789abcdef01234 - [0:0]
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A CNI-DN-0123456789abcdef01234 -s 10.244.1.0/24 -p tcp -m tcp --dport 8080 -j KUBE-MARK-MASQ
COMMIT
`

// addForeign puts what others have on a node into one backend of iptables and
// everywhere else.
func addForeign(t *testing.T, n *lab.Namespace, b backend) {
	t.Helper()
	feed(t, n, foreignSets, "ipset", "restore")
	feed(t, n, foreignServers, "ipvsadm", "--restore")
	feed(t, n, foreignRules, fmt.Sprintf("iptables-%s-restore", b), "--noflush")
	feed(t, n, forIPv6(foreignRules), fmt.Sprintf("ip6tables-%s-restore", b), "--noflush")
	feed(t, n, "add table inet mine\nadd chain inet mine input { type filter hook input priority 10; }\n"+
		"add rule inet mine input tcp dport 9999 drop\n", "nft", "-f", "-")
}

// forIPv6 leaves out what is of IPv4 only.
func forIPv6(rules string) string {
	return without(rules, func(line string) bool {
		return strings.Contains(line, "--match-set") || strings.Contains(line, "127.0.0.0/8")
	})
}

// feed runs a program on a node that reads what it is to do.
func feed(t *testing.T, n *lab.Namespace, text, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(text)
	var said []byte
	err := n.Do(func() (err error) {
		said, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%s %v: %v: %s", program, args, err, said)
	}
}
