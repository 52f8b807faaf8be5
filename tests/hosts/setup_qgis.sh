#!/bin/sh
# QGIS of the distribution, and an environment beside it for the tests: setup_qgis.sh VENV
# Debian and Ubuntu; as root, or with sudo.
set -eu
venv=${1:?usage: setup_qgis.sh VENV}
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v qgis_process.bin >/dev/null || ! command -v xvfb-run >/dev/null; then
    $as_root apt-get update
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        qgis python3-qgis qgis-providers python3-venv xvfb xauth
fi
# QGIS is a package of the system's Python, so that one it must be
/usr/bin/python3 -m venv --system-site-packages "$venv"
"$venv/bin/python" -m pip install --quiet "pytest>=8.3" "pytest-qgis>=2" "pytest-qt>=4.4"
"$venv/bin/python" -c "import qgis.core, pytest_qgis"
touch "$venv/.ready"
