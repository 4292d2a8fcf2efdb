// A module of its own: the daemon needs none of these libraries.
module github.com/kube-ipvs/kube-ipvs/e2e/cmd/confine

go 1.26.0

require (
	github.com/elastic/go-seccomp-bpf v1.6.0
	github.com/moby/profiles/seccomp v0.3.0
	github.com/opencontainers/runtime-spec v1.2.1
	golang.org/x/sys v0.49.0
)

require golang.org/x/net v0.61.0 // indirect
