# The commands a user or a developer types. Each installs what is missing
# first: system packages when run by root, Python packages into .venv.

.PHONY: help demo test test-c test-python test-tiers test-asan test-newest bench lint \
    format clean distclean system-build system-test system-lint system-bench
.NOTPARALLEL:
.DELETE_ON_ERROR:
SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# An environment whose interpreter has gone is of no use.
$(shell .venv/bin/python -c '' 2>/dev/null || rm -rf .venv)
jobs := $(shell nproc)
python := .venv/bin/python
wheel_inputs := $(shell find CMakeLists.txt pyproject.toml cmake include src \
    python -not -path '*/__pycache__*' -not -name '*.pyc')
c_files = $(sort $(shell find include src python/ext tests bench docs \
    -name '*.[ch]' -o -name '*.cc'))
# Folders of Python besides the package itself.
scripts = $(sort $(dir $(wildcard tests/python/*.py demo/*.py bench/*.py)))

help:
	@echo 'make demo     pictures and timings from real data, into build/demo'
	@echo 'make test     every test, sanitizers and lint included (22 minutes)'
	@echo 'make bench    the C core, what was promised, and the peers (15 minutes)'
	@echo 'make lint     formatting, types, static analysis'
	@echo 'make format   rewrite all sources in the house style'
	@echo 'make clean    remove what was built; distclean: .venv too'
	@echo 'parts of make test: test-c, lint, test-asan, test-newest, test-tiers, test-python'

# ---- what must be installed first -------------------------------------------

system-build system-test system-lint system-bench: system-%:
	@tools/setup.sh $*

# The Python packages of one dependency group of pyproject.toml.
.venv/.group-%: pyproject.toml tools/venv.sh
	@tools/venv.sh .venv "$$(tools/python.sh default)" $*
	@touch $@

# The wheel that users get, and the package in .venv that comes from it.
build/wheel/.stamp: $(wheel_inputs) .venv/.group-build
	@echo 'building the wheel'
	@rm -rf build/wheel
	@$(python) -m pip wheel --quiet --no-deps --no-build-isolation \
	    -C build-dir=build/extension -w build/wheel .
	@touch $@

.venv/.installed: build/wheel/.stamp
	@$(python) -m pip install --quiet --no-deps --force-reinstall \
	    build/wheel/*.whl
	@touch $@

# The same with an extension under AddressSanitizer, beside the other.
build/asan-site/.stamp: $(wheel_inputs) .venv/.group-build
	@echo 'building the extension for AddressSanitizer'
	@rm -rf build/asan-site
	@$(python) -m pip install --quiet --no-deps --no-build-isolation \
	    -C build-dir=build/asan-extension -C cmake.build-type=RelWithDebInfo \
	    -C cmake.define.MP_SANITIZE=address,undefined \
	    -C cmake.define.MP_LTO=OFF --target build/asan-site .
	@touch $@

# ---- commands ---------------------------------------------------------------

demo: system-build .venv/.group-demo .venv/.installed
	$(python) -m demo

# Python tests keep one core busy each. Static analysis and the kernels at random
# keep all, and so fill what is left.
kernels = tests/python/test_native_property.py
test: test-c system-lint .venv/.group-lint .venv/.group-test .venv/.installed \
    build/asan-site/.stamp
	@tools/legs.sh '$(MAKE) test-asan' 'nice $(MAKE) lint' \
	    'nice $(python) -m pytest -p no:cacheprovider $(kernels)' \
	    '$(MAKE) test-newest' 'tools/test_tier.sh require' 'tools/test_tier.sh off' \
	    '$(python) -m pytest --ignore=$(kernels)'

# A kernel that randomizes addresses over more bits than ThreadSanitizer's map
# has room for makes it give up at the start; where that can be switched off
# it is.
no_aslr = $(shell setarch "$$(uname -m)" -R true 2>/dev/null && \
    echo setarch "$$(uname -m)" -R)

test-c: system-test .venv/.group-build
	@set -e; for preset in dev asan tsan hard; do \
	    echo "C tests, preset $$preset"; \
	    cmake --preset $$preset --log-level=WARNING >/dev/null; \
	    cmake --build --preset $$preset -- --quiet; \
	    $(no_aslr) ctest --preset $$preset -j $(jobs); \
	done

test-python: system-test .venv/.group-build .venv/.group-test .venv/.installed
	$(python) -m pytest

test-tiers: system-test .venv/.group-build .venv/.group-test .venv/.installed
	@tools/legs.sh 'tools/test_tier.sh off' 'tools/test_tier.sh require'

test-asan: system-test .venv/.group-build .venv/.group-test build/asan-site/.stamp
	@tools/test_asan.sh build/asan-site

test-newest: system-test .venv/.group-build .venv/.group-test build/wheel/.stamp
	@tools/test_newest.sh build/wheel/*.whl

bench: system-bench .venv/.group-build .venv/.group-bench .venv/.installed
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -- --quiet
	@set -e; for bench in build/release/bench/bench_*; do \
	    [ ! -x $$bench ] || $$bench; \
	done
	$(python) -m bench.figures
	$(python) -m bench.peers
	$(python) -m bench.native

lint: system-lint .venv/.group-build .venv/.group-lint .venv/.installed
	ruff check .
	ruff format --check .
	mypy python/moonpool
	mypy --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls \
	    --allow-untyped-decorators --no-warn-unreachable $(scripts)
	$(python) -m mypy.stubtest --mypy-config-file pyproject.toml moonpool._core
	@echo clang-format
	@clang-format --dry-run -Werror $(c_files)
	@echo 'building with clang, and clang-tidy'
	@cmake --preset clang --log-level=WARNING \
	    -D Python_EXECUTABLE=$(CURDIR)/$(python) >/dev/null
	@cmake --build --preset clang -- --quiet
	@$(MAKE) --no-print-directory -f tools/tidy.mk -j $(jobs)

format: system-lint .venv/.group-build .venv/.group-lint
	ruff check --fix .
	ruff format .
	clang-format -i $(c_files)

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf .venv
