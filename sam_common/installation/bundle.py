"""Bundle: all that an environment needs, in one zip, for a machine without internet.

```
pip download ------> wheels/        sha256 of each file -> manifest.json
the suite's cache -> cache/
a host's plugin ---> its zip
the installer -----> python bundle.zip
```
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sam_common
from sam_common.errors import InputError
from sam_common.installation import plugin_zip
from sam_common.installation.offline import MANIFEST, Manifest, this_platform
from sam_common.installation.pip_client import TORCH, from_index
from sam_common.published import checkpoints, samples
from sam_common.published.package_clients import PIP, run_client
from sam_common.support.files import atomic_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME = "sam-geomed"
ROOT = Path(sam_common.__file__).parents[1]
"""The folder of the packages: a checkout, or where packages are installed."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Host:
    """What a host needs of the suite."""

    extras: tuple[str, ...]
    """Extras of the suite."""
    models: tuple[str, ...]
    """Networks that it asks for first."""
    samples: tuple[str, ...]
    """Images to try it on."""
    plugin: Path | None
    """Folder of its plugin."""


HOSTS: Mapping[str, Host] = {
    "qgis": Host(
        ("geo", "cpu", "hf", "server"),
        ("mobile_sam",),
        ("osbs_029.tif", "osbs_029.xml"),
        ROOT / "sam_geo" / "qgis_plugin" / "sam_geomed",
    ),
    "slicer": Host(
        ("med", "cpu", "hf", "server"),
        ("lite_medsam",),
        ("abdomen_ct.nii.gz",),
        ROOT / "sam_med" / "slicer_module" / "SegmentAnything",
    ),
    "cli": Host(
        ("geo", "med", "cpu", "hf", "server"),
        ("mobile_sam", "lite_medsam"),
        ("osbs_029.tif", "osbs_029.xml", "abdomen_ct.nii.gz"),
        None,
    ),
}
"""Hosts by the name that `--for` takes."""
_MANYLINUX = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
PLATFORMS: Mapping[str, tuple[str, ...]] = {
    "linux-x86_64": (
        *(f"manylinux_{each}_x86_64" for each in _MANYLINUX),
        "manylinux2014_x86_64",
        "manylinux2010_x86_64",
        "manylinux1_x86_64",
    ),
    "linux-aarch64": (
        *(f"manylinux_{each}_aarch64" for each in _MANYLINUX[:5]),
        "manylinux2014_aarch64",
    ),
    "windows-x86_64": ("win_amd64",),
    "macos-arm64": tuple(
        f"macosx_{n}_0_{kind}" for n in (14, 13, 12, 11) for kind in ("arm64", "universal2")
    ),
}
"""Platforms by the name that `--platform` takes, and their tags on wheels."""


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What goes into a bundle."""

    host: str
    """A name in `HOSTS`."""
    platform: str
    """A name in `PLATFORMS`, or that of this machine."""
    pythons: tuple[str, ...]
    """Versions of Python, such as "3.12", of the machines that it is for."""
    models: tuple[str, ...] | None = None
    """Networks; those of the host where None."""
    samples: tuple[str, ...] | None = None
    """Samples; those of the host where None."""
    wheel: Path | None = None
    """The suite's wheel; built from the checkout, or fetched by pip, where None."""
    torch: str = ""
    """Requirement of torch; any that fits where empty."""
    torch_index: str = ""
    """Address of an index that torch comes from; the user's own where empty."""


def host_named(name: str) -> Host:
    """The host of a name.

    Raises:
        InputError: There is none.
    """
    if name not in HOSTS:
        raise InputError(f'--for is qgis, slicer or cli, got "{name}"')
    return HOSTS[name]


def suite_wheel(given: Path | None, folder: Path) -> Path:
    """The suite's wheel: the one that is given, else built or fetched into a folder by pip.

    Raises:
        InputError: What was given is no wheel of the suite.
        WeightsError: Pip failed.
    """
    if given is not None:
        if not given.is_file() or not given.name.startswith("sam_geomed-"):
            raise InputError(f"{given} is no wheel of the suite (sam_geomed-VERSION-…whl)")
        return given
    folder.mkdir(parents=True, exist_ok=True)
    if (ROOT / "pyproject.toml").is_file():
        run_client([*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    else:
        what = f"{NAME}=={sam_common.__version__}"
        run_client([*PIP, "download", "--no-deps", "--dest", str(folder), what])
    return next(folder.glob("sam_geomed-*.whl"))


def write_plugin(host: str, out: Path, wheel: Path | None = None) -> Path:
    """Write the zip of a host's plugin, with the suite's wheel in it.

    Args:
        host: "qgis" or "slicer".
        out: The zip.
        wheel: As in `BundleRequest`.

    Raises:
        InputError: The host has no plugin.
    """
    plugin = host_named(host).plugin
    if plugin is None:
        raise InputError(f"{host} has no plugin: add --offline for a bundle")
    with tempfile.TemporaryDirectory() as folder:
        made = plugin_zip.plugin_zip(
            plugin, Path(folder), suite_wheel(wheel, Path(folder) / "wheel")
        )
        with atomic_output(out) as part:
            shutil.copyfile(made, part)
    return out


def write_bundle(request: BundleRequest, out: Path, *, quiet: bool = False) -> Manifest:
    """Write a bundle.

    Args:
        request: What goes into it.
        out: The zip.
        quiet: Whether to show no progress of downloads.

    Returns:
        Its manifest.

    Raises:
        InputError: A name is unknown.
        WeightsError: Pip or a source of a network does not deliver.
    """
    host = host_named(request.host)
    if request.platform not in PLATFORMS and request.platform != this_platform():
        raise InputError(f'--platform is one of {", ".join(PLATFORMS)}, got "{request.platform}"')
    models = host.models if request.models is None else request.models
    wanted = host.samples if request.samples is None else request.samples
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        home = Path(folder)
        wheel = suite_wheel(request.wheel, home / "suite")
        wheels = home / "wheels"
        _download(request, host.extras, wheel, wheels)
        files = {f"wheels/{path.name}": path for path in wheels.iterdir()}
        files.update(_cached(models, wanted, quiet=quiet))
        if host.plugin is not None:
            made = plugin_zip.plugin_zip(host.plugin, home, wheel)
            files[made.name] = made
        files.update(_installer(home))
        manifest = Manifest(
            suite=wheel.name.split("-")[1],
            host=request.host,
            extras=host.extras,
            platform=request.platform,
            pythons=tuple((3, int(each.split(".")[1])) for each in request.pythons),
            files={name: _facts(path) for name, path in files.items()},
        )
        _pack(out, manifest, files)
    return manifest


def _download(request: BundleRequest, extras: Iterable[str], wheel: Path, folder: Path) -> None:
    """Fetch wheels of all that the suite needs, for each Python."""
    folder.mkdir()
    shutil.copyfile(wheel, folder / wheel.name)
    what = [f"{wheel}[{','.join(extras)}]", "pip"]
    for python in request.pythons:
        command = [*PIP, "download", "--only-binary", ":all:", *_tags(request.platform, python)]
        torch = [request.torch] if request.torch else []
        with tempfile.TemporaryDirectory(dir=folder.parent) as apart:
            if request.torch_index:
                address = [*from_index(request.torch_index), *(torch or [TORCH])]
                run_client([*command, "--dest", apart, *address])
                version = next(Path(apart).glob("torch-*.whl")).name.split("-")[1]
                torch = ["--find-links", apart, f"torch=={version}"]
            run_client([*command, "--dest", str(folder), *torch, *what])


def _tags(platform: str, python: str) -> list[str]:
    """Options by which pip fetches wheels for another machine; none for this one."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if (platform, python) == (this_platform(), here):
        return []
    if platform not in PLATFORMS:
        raise InputError(f"for {platform} a bundle is made by Python {here} alone, got {python}")
    tags = [part for name in PLATFORMS[platform] for part in ("--platform", name)]
    return ["--python-version", python, "--implementation", "cp", *tags]


def _cached(models: Iterable[str], wanted: Iterable[str], *, quiet: bool) -> dict[str, Path]:
    """Networks and samples, fetched where they are not there, by their place in the bundle."""
    paths = [("weights", checkpoints.fetch(name, progress=not quiet)) for name in models]
    paths += [("samples", samples.fetch(name, progress=not quiet)) for name in wanted]
    files: dict[str, Path] = {}
    for kind, path in paths:
        inside = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        for each in inside:
            files[f"cache/{kind}/{each.relative_to(path.parent).as_posix()}"] = each
    return files


def _installer(home: Path) -> dict[str, Path]:
    """What makes `python bundle.zip` install."""
    begin = home / "__main__.py"
    begin.write_text(
        "from suite_installation.program import main\n\nraise SystemExit(main())\n",
        encoding="utf-8",
    )
    program = Path(__file__).with_name("program.py")
    modules = (*plugin_zip.INSTALLER, program)
    return {
        "__main__.py": begin,
        **{f"{plugin_zip.INSTALLER_NAME}/{path.name}": path for path in modules},
    }


def _facts(path: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return path.stat().st_size, digest.hexdigest()


def _pack(out: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write the zip; wheels and networks are compressed already."""
    with (
        atomic_output(out) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        archive.writestr(MANIFEST, json.dumps(manifest.document(), indent=2))
        for name in sorted(files):
            archive.write(files[name], name)


__all__ = [
    "HOSTS",
    "PLATFORMS",
    "BundleRequest",
    "host_named",
    "suite_wheel",
    "write_bundle",
    "write_plugin",
]
