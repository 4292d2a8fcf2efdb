package nft

import (
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ourName tells whether a chain or set of our table may be one that we have made.
func ourName(name string) bool {
	return strings.HasPrefix(name, state.Prefix4) || strings.HasPrefix(name, state.Prefix6)
}
