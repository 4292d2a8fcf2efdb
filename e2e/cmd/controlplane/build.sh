#!/bin/sh
# Builds etcd, kube-apiserver, kube-proxy, kubectl and MetalLB into a folder (~/.cache/kube-ipvs/bin), at the versions of
# binaries/go.mod and metallb/go.mod: some minutes the first time, some seconds later.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}
case ${1:-$cache} in
/*) bin=${1:-$cache/kube-ipvs/bin} ;;
*) bin=$PWD/$1 ;;
esac
cd "$(dirname "$0")/binaries"
mkdir -p "$bin"

# Without its own build scripts Kubernetes takes itself for v0.0.0.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
go build -ldflags '-s -w' -o "$bin/etcd" go.etcd.io/etcd/server/v3
go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" -o "$bin/" \
	k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-proxy k8s.io/kubernetes/cmd/kubectl

# Its programs are known by their names (kube-ipvs check), so they keep them, and its kinds come along as files.
cd ../metallb
metallb=$bin/metallb
mkdir -p "$metallb/crd" "$metallb/frr-k8s"
go mod download go.universe.tf/metallb github.com/metallb/frr-k8s
# What go.mod says of frr-k8s: to the types of the version before is added what MetalLB names of its own.
cp -r "$(go list -m -f '{{.Dir}}' github.com/metallb/frr-k8s)"/. "$metallb/frr-k8s"
chmod -R u+w "$metallb/frr-k8s"
sed -i 's/^type Advertise struct {/&\n\tPrefixesWithAsPathPrepend []AsPathPrependPrefixes `json:"-"`/' \
	"$metallb/frr-k8s/api/v1beta1/frrconfiguration_types.go"
cat >"$metallb/frr-k8s/api/v1beta1/prepend.go" <<END
package v1beta1

type AsPathPrependPrefixes struct {
	AsPathPrepend uint8
	Prefixes      []string
}
END
cp go.mod go.sum "$metallb/"
go mod edit -replace "github.com/metallb/frr-k8s=$metallb/frr-k8s" "$metallb/go.mod"
go build -modfile "$metallb/go.mod" -ldflags '-s -w' -o "$metallb/" go.universe.tf/metallb/controller go.universe.tf/metallb/speaker
cp "$(go list -m -f '{{.Dir}}' go.universe.tf/metallb)"/config/crd/bases/*.yaml "$metallb/crd/"
chmod -R u+w "$metallb/crd"
