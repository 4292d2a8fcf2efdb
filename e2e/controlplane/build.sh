#!/bin/sh
# Builds etcd, kube-apiserver and kube-proxy into a folder (~/.cache/kube-ipvs/bin), at the versions of binaries/go.mod:
# some minutes the first time, some seconds later.
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
	k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-proxy
