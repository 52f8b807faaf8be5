#!/bin/sh
# Chromium of the distribution, and an environment beside it for the tests, with JupyterLab:
# setup_page.sh VENV
# Debian and Ubuntu; as root, or with sudo.
set -eu
venv=${1:?usage: setup_page.sh VENV}
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v chromium >/dev/null || ! command -v npm >/dev/null; then
    $as_root apt-get update
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        chromium npm python3-venv
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet "pytest>=8.3" "playwright>=1.50" "numpy>=1.26" "nibabel>=5.3"
# notebooks; the widget's front end comes with anywidget
"$venv/bin/python" -m pip install --quiet "jupyterlab>=4.2" "anywidget>=0.9.13"
# what judges how accessible the page is
(cd "$venv" && npm pack --silent axe-core@4.10.3 && tar xzf axe-core-4.10.3.tgz package/axe.min.js)
"$venv/bin/python" -c "import playwright.sync_api, nibabel, jupyterlab, anywidget"
touch "$venv/.ready"
