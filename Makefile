# The index of everything that can be done here; CI runs the same targets. `make help` prints it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# With CONTEXT=name everything runs against that context of your kubeconfig instead of the embedded cluster.
CONTEXT ?=
CONTROL_PLANE_ONLY ?=
ifneq ($(CONTEXT),)
export CONTEXT
endif

UNIT_TESTS := $(filter-out test/integration/% test/e2e/%,$(wildcard test/*/*.test.ts test/*/*/*.test.ts))

.PHONY: help deps demo demo-down test cluster cluster-down images deploy undeploy unit integration e2e list-unit lint types generate golden verify bench soak

help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 18

node_modules/.package-lock.json: package-lock.json
	@echo "dependencies: npm ci (about 10 s)"
	@npm ci --no-progress --loglevel=error
	@touch $@

deps: node_modules/.package-lock.json ## install the dependencies and Node.js 24

##@ Running it
demo: deps ## the whole story from a fresh machine: cluster, operator, hello app, one request refused and one answered
	@hack/demo/run

demo-down: ## remove everything that make demo made
	@hack/demo/down

cluster: deps ## the embedded Kubernetes alone; kubeconfig at .cluster/kubeconfig (CONTROL_PLANE_ONLY=1 needs no root)
	@hack/cluster/up $(if $(CONTROL_PLANE_ONLY),--control-plane-only)

cluster-down: ## remove the embedded Kubernetes
	@hack/cluster/down
	@CONTEXT= CLUSTER=integration hack/cluster/down

images: deps ## build the images and load them into the cluster (with CONTEXT: kind, k3d, minikube)
	@hack/images/build all

deploy: deps ## install the operator from deploy/
	@hack/deploy/apply

undeploy: ## remove the operator
	@hack/deploy/remove

##@ Testing it
test: deps ## everything CI runs: lint, types, generated files, unit, integration, e2e
	@hack/test/with-context hack/test/run

unit: deps ## unit tests: no cluster, real sockets and binaries
	@node --test --test-timeout=300000 --test-reporter=spec $(UNIT_TESTS)

list-unit:
	@echo $(UNIT_TESTS)

integration: deps ## the operator against a real API server (make cluster first)
	@hack/test/with-context node --test --test-concurrency=1 --test-reporter=spec 'test/integration/*.test.ts'

e2e: deps ## real kubelet and containers (make cluster images deploy first)
	@hack/test/with-context node --test --test-concurrency=1 --test-reporter=spec 'test/e2e/*.test.ts'

lint: deps ## linter (with types) and unused code
	@oxlint --type-aware --deny-warnings src test hack
	@knip

types: deps ## type-check
	@tsc --noEmit -p .

generate: deps ## write the CRDs and the generated reference
	@node hack/generate/main.ts

golden: deps ## rewrite the golden files from what the code does now; read the diff
	@UPDATE_GOLDEN=1 node --test --test-reporter=dot 'test/nginx/*.test.ts' 'test/injection/*.test.ts' 'test/proxy-model/*.test.ts'
	@git status --short test/golden

verify: deps ## generated files are what the generators write
	@node hack/generate/main.ts --verify

bench: deps ## performance, as ratios measured side by side in one run
	@hack/bench/run

soak: deps ## long fuzzing and endurance (an hour)
	@hack/soak/run
