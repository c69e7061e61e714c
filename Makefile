# Every target prints what it does and how long it took; `make test` is what CI runs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
DBT_AWS_CACHE ?= $(HOME)/.cache/dbt-aws
CARGO_TARGET_DIR ?= $(DBT_AWS_CACHE)/target
export DBT_AWS_CACHE CARGO_TARGET_DIR

step = tools/step
# Cargo looks for make's job server and does not get it.
step-of-many = env -u MAKEFLAGS -u MFLAGS tools/step

.PHONY: test test-unit test-local-aws test-engine-client test-runner test-blocks test-interruptions test-examples test-demo test-machine test-aws lint fuzz advisories locks sdk demo bench local-aws clean-cache

## test: everything that can be checked on this machine
# A fresh clone is built once, and gains nothing from what a next build could use.
test: export CARGO_INCREMENTAL ?= 0
test: export DBT_AWS_CALLS := $(CARGO_TARGET_DIR)/calls
test: lint
	rm -rf "$$DBT_AWS_CALLS"
	mkdir -p "$$DBT_AWS_CALLS"
	$(step) "the provider and all tests built" tools/provider
	@echo "all suites, four at a time: each prints what it did when it ends"
	$(MAKE) --no-print-directory --jobs=4 --output-sync=target test-runner test-interruptions test-demo test-examples test-unit \
		test-local-aws test-blocks test-engine-client test-machine
	$(step) "the IAM actions that are declared and called" python3 tests/src/declared.py

test-unit:
	python=$$(tools/venv crates/framework/tests/requirements.txt); \
	PULUMI_PYTHON=$$python $(step-of-many) "unit tests" cargo test --workspace --quiet

test-local-aws:
	$(step-of-many) "the local AWS" local-aws/check

test-engine-client:
	$(step-of-many) "the engine's own client" tools/check-provider

test-runner:
	$(step-of-many) "the runner" provider/runner/tests/run

test-machine:
	$(step-of-many) "the state machine's expressions" tests/machine/run

test-blocks:
	$(step-of-many) "the building blocks on the local AWS" tests/on-local-aws

test-interruptions:
	$(step-of-many) "the provider killed between calls" tests/kill/run

test-examples: sdk
	$(step-of-many) "the examples in four languages" tests/e2e/run

test-demo: sdk
	$(step-of-many) "the demo" $(MAKE) --no-print-directory demo

## test-aws: the smallest platform in an AWS account of your own, and its end: DBT_AWS_TEST_ACCOUNT names it (CONTRIBUTING.md)
test-aws:
	tests/aws/run

## lint: formatting and warnings
lint:
	$(step) "formatting" cargo fmt --all --check
	$(step) "clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(step) "the Go sources" tools/lint-go
	$(step) "the dependencies" tools/deny

## fuzz: what reads texts and files from outside, with inputs of chance; SECONDS=600 for each of them
fuzz:
	tools/fuzz $(SECONDS)

## advisories: known faults of the dependencies, after fetching today's list of them
advisories:
	tools/deny advisories

## sdk: the SDKs for Node.js, Python and Go, from schema.json into sdk/
sdk:
	@echo "the SDKs for Node.js, Python and Go; the first time also Pulumi's tools"
	@$(step-of-many) "the SDKs" tools/sdk schema.json sdk

## locks: the newest versions of all that is bundled with dbt, from the package index, and what they take on the command line
locks: export LOCAL_AWS_PORT ?= 4570
locks:
	local-aws/local-aws tools > /dev/null
	eval "$$(local-aws/local-aws env)"; "$$DBT_AWS_PYTHON" crates/image/src/locks/update.py $(NAMES)
	for lock in crates/image/src/locks/dbt-1.*-postgres.txt; do \
		"$$(tools/venv "$$lock")" provider/src/components/overrides/command_line/update.py; \
	done

## demo: all of it on this machine, from `pulumi up` to an empty account; KEEP=1 leaves it standing
demo: export LOCAL_AWS_PORT ?= 4610
demo: export KEEP := $(KEEP)
demo: sdk
	@echo "the provider; building it for the first time takes long"
	@$(step) "the provider" tools/provider > /dev/null
	@eval "$$(local-aws/local-aws env)"; exec "$$DBT_AWS_PYTHON" tools/demo.py

## bench: the release build measured beside boto3, a Go provider, crane and others; its first build takes long
bench:
	benches/run

## local-aws: an AWS on this machine; end it with `local-aws/local-aws down`
local-aws:
	local-aws/local-aws up

## clean-cache: forget what was built and downloaded once
clean-cache:
	local-aws/local-aws down --all
	rm -rf "$(DBT_AWS_CACHE)"
