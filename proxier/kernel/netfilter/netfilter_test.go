package netfilter

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

func ruleMessage(family byte, table, chain string) []byte {
	b := wire.Append([]byte{family, 0, 0, 0}, unix.NFTA_RULE_TABLE, append([]byte(table), 0)...)
	return wire.Append(b, unix.NFTA_RULE_CHAIN, append([]byte(chain), 0)...)
}

func chainMessage(chain string) []byte {
	return wire.Append([]byte{unix.NFPROTO_IPV4, 0, 0, 0}, unix.NFTA_CHAIN_NAME, append([]byte(chain), 0)...)
}

// Only our chains and those that lead to them are of interest: a node where
// others' chains change all day has no more work than another (F8).
func TestWhichRulesAreOfInterest(t *testing.T) {
	const nft = unix.NFNL_SUBSYS_NFTABLES << 8
	for _, c := range []struct {
		name string
		kind uint16
		body []byte
		want bool
	}{
		{"a rule of ours", nft | unix.NFT_MSG_DELRULE, ruleMessage(unix.NFPROTO_IPV4, "nat", "KIPVS-MARK"), true},
		{"a jump", nft | unix.NFT_MSG_NEWRULE, ruleMessage(unix.NFPROTO_IPV6, "nat", "PREROUTING"), true},
		{"a rule of others", nft | unix.NFT_MSG_NEWRULE, ruleMessage(unix.NFPROTO_IPV4, "nat", "CNI-DN-1"), false},
		{"a rule of another family", nft | unix.NFT_MSG_NEWRULE, ruleMessage(unix.NFPROTO_INET, "nat", "PREROUTING"), false},
		{"a chain of ours", nft | unix.NFT_MSG_DELCHAIN, chainMessage("KIPVS-MARK"), true},
		{"a table that goes", nft | unix.NFT_MSG_DELTABLE, ruleMessage(unix.NFPROTO_IPV4, "nat", ""), true},
		{"a table that comes", nft | unix.NFT_MSG_NEWTABLE, ruleMessage(unix.NFPROTO_IPV4, "nat", ""), false},
		{"a new generation", nft | unix.NFT_MSG_NEWGEN, []byte{unix.NFPROTO_IPV4, 0, 0, 0}, false},
		{"a message that is cut off", nft | unix.NFT_MSG_NEWRULE, []byte{unix.NFPROTO_IPV4, 0, 0, 0, 9}, true},
		{"no message", nft | unix.NFT_MSG_NEWRULE, nil, false},
	} {
		if got := concernsRules(c.kind, c.body); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// FuzzEvents: whatever a message holds, it is read or refused.
func FuzzEvents(f *testing.F) {
	f.Add(uint16(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWRULE), ruleMessage(2, "nat", "KIPVS-MARK"))
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		_ = concernsRules(kind, body)
		if g, err := parseGeneration(body); err == nil && g.Known && len(body) < 12 {
			t.Errorf("%d bytes hold no generation, read %+v", len(body), g)
		}
	})
}
