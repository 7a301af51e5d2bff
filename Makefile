# One line per task; `make build` runs by itself where a task needs it. YES=1 installs missing system
# packages without asking.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
NATIVE := $(shell find csrc realmsync -name '*.[ch]pp' -o -path 'csrc/*.[ch]' -o -name '*.p[xy][xd]')
FUZZ_SECONDS ?= 20
# Two more than there are processors: many tests wait for a socket or another process.
TEST_JOBS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))

.PHONY: build demo test test-long test-asan test-foreign test-foreign-core fuzz bench lint tidy format wheel docs clean

build: $(VENV)/.built

$(VENV)/.built: pyproject.toml setup.py tools/sqlite_source.py $(NATIVE)
	PYTHON=$(PYTHON) tools/system_packages.sh build
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) tools/install.py
	touch $@

demo: build ; $(PY) examples/demo.py
test: build ; REALMSYNC_BENCH=small $(PY) -m pytest bench tests --benchmark-disable -n $(TEST_JOBS) --dist loadfile
bench: build ; $(PY) -m pytest bench --benchmark-disable-gc -p no:cacheprovider -q
lint: build ; $(PY) tools/lint.py
tidy: build ; tools/system_packages.sh tidy && $(PY) tools/tidy.py
test-long: build
	$(PY) tests/merge/long.py --operations 1000000
	$(PY) tests/simulation/long.py --seeds 10000
	$(PY) tests/flexible/long.py --histories 100000
	$(PY) -m pytest tests --both-loops -n $(TEST_JOBS) --dist loadfile
	$(PY) -m pytest --long --timeout 1200 tests/trouble/test_floods.py tests/trouble/test_message_floods.py tests/trouble/test_query_floods.py \
		tests/simulation/test_every_cut.py tests/end_to_end/test_cuts_at_bytes.py \
		tests/security/test_partition_attacks.py tests/security/test_role_attacks.py \
		tests/query/test_files_against_the_model.py tests/query/test_against_the_model.py \
		tests/query/test_query_rows.py tests/rules/test_filters_against_the_model.py \
		tests/rules/test_session_roles.py tests/server/test_random_administration.py \
		tests/flexible/test_naive_histories.py tests/flexible/test_real_server.py \
		tests/flexible/test_read_rights.py
format: build ; $(PY) tools/lint.py --fix
test-asan: build ; $(PY) tools/asan.py -n $(TEST_JOBS) --dist loadfile
test-foreign: build ; $(PY) tests/foreign/sdks.py
test-foreign-core: build ; $(PY) tests/foreign/cores.py
fuzz: build ; tools/system_packages.sh fuzz && FUZZ_SECONDS=$(FUZZ_SECONDS) $(PY) tests/fuzz/run.py
wheel: build ; $(PY) tools/wheel.py
docs: build ; $(PY) -m pip install -q --group docs && $(PY) -m mkdocs build --strict
clean: ; rm -rf $(VENV) build third_party dist wheelhouse realmsync/*.so realmsync/*/*.so realmsync/transport/*.c
