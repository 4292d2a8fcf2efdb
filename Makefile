# Everything that anyone needs is one of these; `make` lists them.
OUT      := $(CURDIR)/.out
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULN     := golang.org/x/vuln/cmd/govulncheck@v1.9.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Modules of their own: what their programs need stays out of the daemon's go.mod.
NESTED := deploy e2e/cmd/confine
nested  = for m in $(NESTED); do (cd $$m && $(1)) || exit 1; done

# Test binaries that want a kernel with IPVS, as folder:name.
REAL := ipset:ipset proxier/kernel/host:host proxier/kernel/ipvs:ipvs proxier/kernel/device:device proxier/kernel/xt:xt proxier/kernel/nft:nft proxier/kernel:kernel proxier/adminsocket:adminsocket e2e/lab:lab e2e:e2e

# The machine of the end-to-end tests is another with KERNEL=6.12, IPTABLES=1.8.13 or BACKEND=legacy; a wrong name tells what there is.
VM = $(OUT)/vm $(if $(KERNEL),-kernel $(KERNEL)) $(if $(IPTABLES),-iptables $(IPTABLES)) $(if $(BACKEND),-backend $(BACKEND))

# The kernels and backends of docs/kernels.md; the oldest kernel and the newest stand at the ends.
KERNELS  := 5.10 6.1 6.12 newest
BACKENDS := nft legacy
IPTABLES_RELEASES := 1.8.7,1.8.9,1.8.11,newest

# Where e2e/cmd/controlplane/build.sh puts the real programs.
BIN := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kube-ipvs/bin

export CGO_ENABLED := 0

.PHONY: help build check test lint unit microbench e2e packets kernels releases e2e-container demo leftovers conformance migration migrations faults soak bench dashboard fuzz vuln man deploy image image-packages deps clean
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

build: ## the daemon, into .out
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(OUT)/kube-ipvs ./cmd/kube-ipvs

check: lint ## lint and unit tests without the race detector: a minute, when little has changed
	go test -timeout 10m ./...
	$(call nested,go test ./...)

test: deps lint unit e2e releases packets ## everything: lint, unit tests, contract and end to end on a real kernel, packets on the oldest and the newest

lint: $(OUT)/tools/golangci-lint ## what go vet does not see
	$(OUT)/tools/golangci-lint run ./...
	$(call nested,$(OUT)/tools/golangci-lint run ./...)

$(OUT)/tools/golangci-lint: Makefile
	GOBIN=$(OUT)/tools go install $(LINT)
	@touch $@

unit: ## tests that need no privilege, with the race detector
	CGO_ENABLED=1 go test -race -timeout 10m ./...
	$(call nested,go test ./...)

microbench: ## Go benchmarks of planning and reconciling, ten runs into .out/microbench.txt, for benchstat
	@mkdir -p $(OUT)
	go test -run xxx -bench . -count 10 ./proxier | tee $(OUT)/microbench.txt

e2e: deps machine control-plane real-tests ## contract and end-to-end tests on a real kernel, with a real API server; RUN=TestDraining for one, KERNEL=6.12 on another kernel
	$(OUT)/controlplane -- $(VM) -timeout 60m -- $(OUT)/report $(if $(RUN),-run '$(RUN)') $(REAL)

# The tests that e2e/cmd/kernels names, on the shell's $$kernel with its $$backend.
PACKETS = $(OUT)/controlplane -- $(OUT)/vm -kernel $$kernel -backend $$backend -timeout 30m -- \
	$(OUT)/report -run "$$(go run ./e2e/cmd/kernels -tests $$backend)" proxier/kernel:kernel e2e:e2e

packets: deps machine control-plane real-tests ## the packet tests on the oldest kernel and on the newest
	for kernel in $(firstword $(KERNELS)) $(lastword $(KERNELS)); do backend=nft; $(PACKETS) || exit 1; done

kernels: deps machine control-plane real-tests ## docs/kernels.md: the packet tests on each kernel with each backend of iptables
	rm -rf $(OUT)/kernels && mkdir -p $(OUT)/kernels
	for kernel in $(KERNELS); do for backend in $(BACKENDS); do \
		$(PACKETS) >$(OUT)/kernels/$$kernel-$$backend.txt || true; done; done # the program below is the judge
	go run ./e2e/cmd/kernels -page docs/kernels.md $(foreach k,$(KERNELS),$(foreach b,$(BACKENDS),$(OUT)/kernels/$k-$b.txt))

releases: deps machine ## rules that one release of iptables has written are right to the others, in each backend
	go test -tags 'e2e releases' -c -o $(OUT)/releases.test ./proxier/kernel
	for backend in $(BACKENDS); do $(OUT)/vm -iptables $(IPTABLES_RELEASES) -backend $$backend -timeout 20m -- \
		$(OUT)/report -run TestRulesOfAnotherRelease proxier/kernel:releases || exit 1; done

e2e-container: ARCHITECTURES = amd64
e2e-container: control-plane deps machine real-tests image ## the end-to-end tests with each daemon in the image, in the container of deploy/install.yaml
	E2E_CONTAINER=1 E2E_IMAGE=$(OUT)/image/rootfs-amd64.tar $(OUT)/controlplane -- $(OUT)/vm -timeout 60m -- $(OUT)/report e2e:e2e

demo: deps machine build ## the whole story on one screen, in under a minute
	go build -o $(OUT)/demo ./e2e/cmd/demo
	$(OUT)/vm -timeout 5m -- $(OUT)/demo -daemon $(OUT)/kube-ipvs -objects $(CURDIR)/e2e/cmd/demo

leftovers: deps machine control-plane ## what the demo begins with, from the real kube-proxy: e2e/cmd/demo/leftovers.rules
	go build -o $(OUT)/demo ./e2e/cmd/demo
	$(OUT)/vm -timeout 5m -- $(OUT)/demo -kube-proxy $(BIN)/kube-proxy -objects $(CURDIR)/e2e/cmd/demo >$(OUT)/leftovers.rules
	cp $(OUT)/leftovers.rules e2e/cmd/demo/leftovers.rules

conformance: ## docs/conformance.md: each promise of the Service API with the tests that show it
	@mkdir -p $(OUT)
	go test -json ./cmd/... ./proxier/... ./ipset/... >$(OUT)/unit.json || true # the program below is the judge
	$(MAKE) --no-print-directory e2e >$(OUT)/e2e.txt || { tail -20 $(OUT)/e2e.txt; false; }
	go run ./e2e/cmd/conformance -unit $(OUT)/unit.json -report $(OUT)/e2e.txt

man: ## a man page for each verb, into .out/man
	@mkdir -p $(OUT)/man
	go test ./cmd/kube-ipvs -count=1 -run TestManPages -man $(OUT)/man

bench: deps machine control-plane build ## docs/bench: beside kube-proxy on one kernel, in three quarters of an hour; BENCH=quick for five
	go build -o $(OUT)/ ./e2e/cmd/bench ./e2e/cmd/bench/measure
	$(OUT)/controlplane -- $(OUT)/bench $(if $(filter quick,$(BENCH)),-quick -out $(OUT)/bench-quick,-readme README.md) $(BENCHFLAGS)

FUZZTIME = 1m

fuzz: ## every fuzz target in turn, each for FUZZTIME
	@grep -rn --include='*_test.go' '^func Fuzz' cmd proxier ipset | sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz[A-Za-z0-9]*).*|\1 \2|' | while read -r folder name; do \
		go test ./$$folder -run xxx -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) || exit 1; done

vuln: ## known weaknesses in what we depend on; asks the network
	go run $(VULN) ./...

# Both have the real kube-proxy do so much that it takes too long for every test run.
MATRIX = go test -tags 'e2e migration' -c -o $(OUT)/matrix.test ./e2e && cd e2e && \
	$(OUT)/controlplane -- $(OUT)/vm -timeout 60m -- $(OUT)/matrix.test -test.v -test.timeout=60m -test.run

migrations: deps machine control-plane build ## TestMigration with 200 Services: from each mode of the real kube-proxy to here under traffic, and back
	E2E_MIGRATION_SERVICES=200 && export E2E_MIGRATION_SERVICES && $(MATRIX) TestMigration

migration: deps machine control-plane build ## the table of docs/migration.md: what the real kube-proxy's own cleanup leaves
	$(MATRIX) TestWhatKubeProxyLeaves >$(OUT)/migration.txt || { tail -20 $(OUT)/migration.txt; false; }
	go run ./e2e/cmd/rows docs/migration.md migration $(OUT)/migration.txt

dashboard: deps machine control-plane build ## what the dashboard shows of a real daemon: deploy/dashboards/testdata, and the picture in docs
	go test -tags 'e2e sample faults' -c -o $(OUT)/sample.test ./e2e && cd e2e && \
		$(OUT)/controlplane -- $(OUT)/vm -timeout 10m -- $(OUT)/sample.test -test.v -test.run TestSampleOfMetrics >$(OUT)/sample.txt
	sed -n 's/^.*sample: //p' $(OUT)/sample.txt >deploy/dashboards/testdata/metrics.load
	cd deploy && go test ./dashboards -update

deploy: ## manifests made of the chart: deploy/install.yaml and its companions
	cd deploy && go run ./render .

# Settings of these: E2E_FAULTS_CONNECTIONS, E2E_FAULTS_RATE (a second), E2E_FAULTS_CHURN, E2E_FAULTS_OUTAGE, E2E_SOAK_SECONDS (seconds),
# E2E_KILLS. The figures are written whether all is well or not; the exit code tells.
FAULTS = CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)-next' -o $(OUT)/kube-ipvs-next ./cmd/kube-ipvs && \
	CGO_ENABLED=0 go test -tags 'e2e faults' -c -o $(OUT)/faults.test ./e2e && cd e2e && \
	E2E_KILLS=$(or $(E2E_KILLS),500) $(OUT)/controlplane -- $(OUT)/vm -timeout 60m -- $(OUT)/faults.test -test.v -test.timeout=60m -test.run
FIGURES = || failed=$$?; cd $(CURDIR) && go run ./e2e/cmd/rows docs/reliability.md $@ $(OUT)/$@.txt && exit $$failed

faults: deps machine control-plane build ## the figures of docs/reliability.md: what is lost under load when something goes wrong
	$(FAULTS) 'TestFaultsUnderLoad|TestKilledAtRandom' >$(OUT)/faults.txt $(FIGURES)

soak: deps machine control-plane build ## half an hour of changes, with memory and descriptors flat
	$(FAULTS) TestSoak >$(OUT)/soak.txt $(FIGURES)

ARCHITECTURES = amd64 arm64

image: ## the container image, an OCI layout, without a container engine: .out/image; prints its digest
	@mkdir -p $(OUT)/image
	@for a in $(ARCHITECTURES); do GOARCH=$$a go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' \
		-o $(OUT)/image/kube-ipvs-$$a ./cmd/kube-ipvs || exit 1; done
	@cd deploy && go run ./image -version $(VERSION) -architectures '$(ARCHITECTURES)' $(OUT)/image

image-packages: ## the newest versions of what the image has of Debian: deploy/image/packages.txt
	cd deploy && go run ./image -lock image/packages.txt

deps: ## Debian packages that tests and demo need
	@e2e/cmd/vm/install.sh

.PHONY: machine control-plane real-tests
machine:
	@go build -o $(OUT)/vm ./e2e/cmd/vm
	@go build -o $(OUT)/controlplane ./e2e/cmd/controlplane
	@go build -o $(OUT)/report ./e2e/cmd/report
	@cd e2e/cmd/confine && go build -o $(OUT)/confine .

control-plane:
	e2e/cmd/controlplane/build.sh

real-tests: build
	@for t in $(REAL); do go test -tags e2e -c -o $(OUT)/$${t#*:}.test ./$${t%:*} || exit 1; done

clean: ## what the above have made
	rm -rf $(OUT)
