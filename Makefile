# Every target calls what it needs, and says what it installs. By-products are in build/; Go toolchains and kernels, which
# are big and never change, in ~/.cache/gospect.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -euc
.DELETE_ON_ERROR:
.SUFFIXES:

CLANG := clang-19
BPF_STRIP := llvm-strip-19
BPFTOOL := $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
BPF_CFLAGS := -target bpf -O2 -g -Wall -Werror -mcpu=v3 -idirafter /usr/include/$(shell uname -m)-linux-gnu
BPF_OBJECTS := $(patsubst bpf/%.bpf.c,build/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))

NODE_MODULES := node_modules/.package-lock.json
TSC := node_modules/.bin/tsc
ESBUILD := node_modules/.bin/esbuild
SOURCES := $(shell find src test -name '*.ts' -o -name '*.cts')

.PHONY: setup build check bpf fixtures generate test golden bench fuzz matrix demo
.DEFAULT_GOAL := build

# --- what a machine needs ---

# Debian packages, npm packages, Go toolchains, kernels: only what is missing.
setup:
	@.ci/setup
	@$(MAKE) --no-print-directory $(NODE_MODULES)
	@for version in 1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27; do fixtures/toolchain.sh $$version >/dev/null; done
	@for suite in bookworm bookworm-backports trixie-backports; do test/kernels/kernel.sh $$suite >/dev/null; done

$(NODE_MODULES): package.json package-lock.json
	@echo "gospect: installing the npm packages of package-lock.json"
	npm ci --no-fund --no-audit
	@touch $@

# --- the program ---

build: build/.bundle bpf

build/.typescript: $(NODE_MODULES) tsconfig.json $(SOURCES)
	$(TSC) -p .
	@touch $@

# The program in few files: node takes longer to find and read a hundred small modules than to run them. They are CommonJS,
# because node takes as long to set up its loader of ES modules as to run `--help`; esbuild splits ES modules only, so they are
# split first and turned into the other kind then. Packages in JavaScript are in it, with their licences beside it; those with
# code of another kind are found when they are needed.
BUNDLED := @jridgewell/sourcemap-codec commander elfinfo pprof-format
OWN_URL := "use strict"; const moduleUrl = require("node:url").pathToFileURL(__filename).href;

build/.bundle: build/.typescript
	@rm -rf build/bundle build/split
	$(ESBUILD) build/src/cli/main.js --outdir=build/split --bundle --splitting --external:koffi --external:iced-x86 \
		--platform=node --format=esm --target=node20 --log-level=warning
	$(ESBUILD) build/split/*.js --outdir=build/bundle/cli --platform=node --format=cjs --target=node20 --log-level=warning \
		--supported:dynamic-import=false --define:import.meta.url=moduleUrl '--banner:js=$(OWN_URL)' \
		"--define:GOSPECT_BUILD=\"$$(cat package.json build/split/*.js | sha256sum | cut -c 1-64)\""
	@echo '{ "type": "commonjs" }' > build/bundle/cli/package.json
	@for package in $(BUNDLED); do echo "$$package"; echo; cat node_modules/$$package/LICENSE; echo; done \
		> build/bundle/LICENSES.txt
	@touch $@

# Objects whose source is gone would be packed with the others.
bpf: $(BPF_OBJECTS)
	@rm -f $(filter-out $(BPF_OBJECTS),$(wildcard build/bpf/*.bpf.o))

build/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@.ci/setup clang-19 llvm-19 libbpf-dev
	@mkdir -p build/bpf
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@
	$(BPF_STRIP) -g $@

# TypeScript's view of bpf/abi.h, from the BTF of the compiled object. The result is checked in; `make check` compares.
generate: build/abi/generated.ts
	@cmp -s $< src/abi/generated.ts || { echo "gospect: rewriting src/abi/generated.ts"; cp $< src/abi/generated.ts; }

build/abi/generated.ts: build/bpf/abi.bpf.o bpf/abi.h src/abi/generate.ts $(NODE_MODULES)
	@.ci/setup bpftool
	@mkdir -p build/abi
	$(TSC) --ignoreConfig --module nodenext --target es2022 --types node --strict --rootDir . --outDir build src/abi/generate.ts
	$(BPFTOOL) btf dump file build/bpf/abi.bpf.o -j > build/abi/btf.json
	node build/src/abi/generate.js build/abi/btf.json bpf/abi.h $@

fixtures: $(NODE_MODULES)
	@.ci/setup
	node fixtures/build.mjs

# --- proofs ---

# Seconds, without root: types, format, lint, layers, generated files, unit tests.
check: build build/abi/generated.ts fixtures
	test/run unit

# Everything there is. Without root the kernel tests are skipped, and named.
test: build build/abi/generated.ts fixtures
	test/run

# Rewrites test/golden/ with what the program prints now; a person reads the diff.
golden: build fixtures
	GOSPECT_GOLDEN=write test/run unit
	GOSPECT_GOLDEN=write node --test build/test/differential/pprof.test.js build/test/kernel/profile.test.js

# Ratios of costs, as one table; nothing passes or fails. Needs root. GOSPECT_BENCH=short is one quick round of everything,
# GOSPECT_BENCH=write keeps the table in test/bench/RESULTS.md.
bench: build fixtures
	@.ci/setup gcc libc6-dev bpftool bpftrace bpfcc-tools linux-headers-cloud-$(shell dpkg --print-architecture) etcd-server
	node build/test/bench/main.js

# Damaged files by the thousand: seeds are fixed, so that what fails fails again.
fuzz: build fixtures
	test/run fuzz

# Every Go version in every mode: the better part of an hour on a quiet machine. `make test` has a part of it: every version
# plain and as a stripped, position-independent program, and the newest one for arm64, with cgo and as a library in C.
matrix: build
	@.ci/setup gcc libc6-dev binutils llvm-19
	node fixtures/build.mjs --set matrix
	test/run matrix

# The example service of fixtures/, the one fixture it builds, measured by PID; needs root.
demo: build
	fixtures/demo
