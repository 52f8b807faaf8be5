#!/bin/sh
# Slicer's own libraries without the application, and what its tests need, in two environments:
# VENV for the module, VENV-view for pictures of a slice view (its package pins older libraries).
# usage: setup_slicer.sh VENV
set -eu
venv=$1
python=${PYTHON:-python3}

"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet \
    slicer-core==5.13.31053.0 slicerio PySide6-Essentials pytest SimpleITK nibabel cmake
"$python" -m venv "$venv-view"
"$venv-view/bin/python" -m pip install --quiet 'trame-slicer[standalone]'
# both render without a display
"$venv/bin/python" -c 'import slicer, PySide6.QtWidgets'
"$venv-view/bin/python" -c 'import trame_slicer'
