"""Stand-ins of the suite's wheel and of what it needs: small, and real for pip."""

from __future__ import annotations

import base64
import hashlib
import zipfile

NEEDED = ("torch", "rasterio", "geopandas")
"""Packages that are looked for in an environment of the suite."""
SUITE = {
    "sam_common/__init__.py": "",
    "sam_common/support/__init__.py": "",
    "sam_common/support/cache_folder.py": (
        "import os, pathlib\n"
        "def cache_dir():\n"
        "    return pathlib.Path(os.environ['STAND_IN_CACHE'])\n"
    ),
    "sam_common/program.py": "def main():\n    print('sam-geomed {version}')\n",
    "sam_geo/__init__.py": "",
}
SCRIPTS = (
    "[console_scripts]\nsam-common = sam_common.program:main\nsam-geo = sam_common.program:main\n"
)


def configured(tmp_path, monkeypatch, environment):
    """Stand-ins of what the suite needs in a folder that pip is configured to, without an index.

    Args:
        environment: The module of environments that is tested: room on the disk is enough for it.
    """
    monkeypatch.setattr(environment, "FREE_BYTES", 0)
    folder = tmp_path / "links"
    for name in NEEDED:
        make_wheel(folder, name, "1.0", {f"{name}/__init__.py": ""})
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\nfind-links = {folder}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return folder


def make_wheel(folder, name, version, files, *, requires=(), scripts=""):
    """Write a wheel as the packaging rules have it."""
    info = f"{name}-{version}.dist-info"
    lines = [
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}",
        *requires,
    ]
    members = {
        **files,
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        members[f"{info}/entry_points.txt"] = scripts
    record = ""
    for path, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
    return target


def suite_wheel(folder, version="0.1.0", *, needs="rasterio"):
    """The suite's stand-in, whose extra `geo` needs a package."""
    files = {path: text.replace("{version}", version) for path, text in SUITE.items()}
    requires = ["Requires-Dist: torch", "Provides-Extra: geo"]
    requires += [f'Requires-Dist: {each}; extra == "geo"' for each in (needs, "geopandas")]
    return make_wheel(folder, "sam_geomed", version, files, requires=requires, scripts=SCRIPTS)
