"""Program: environments on a command line, for `python bundle.zip` and for scripts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .commands import Feedback, InstallError
from .environment import Environment, Wanted
from .offline import read_manifest, running_zip

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "~/sam-geomed"
EXTRAS = "geo,med,cpu,hf,server"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Install, repair, verify or remove; 0 where it went well, 2 where not."""
    parser = argparse.ArgumentParser(
        prog="python -m sam_common.installation",
        description="An environment of its own for sam-geo, sam-med and sam-common.",
    )
    parser.add_argument(
        "action", nargs="?", default="install", choices=("install", "repair", "verify", "remove")
    )
    parser.add_argument("--to", default=FOLDER, help=f"folder of the environment ({FOLDER})")
    parser.add_argument("--offline", metavar="BUNDLE", help="install from this bundle alone")
    parser.add_argument("--wheel", help="the suite's wheel, where there is no bundle")
    parser.add_argument("--extras", default="", help=f"extras of the suite ({EXTRAS})")
    parser.add_argument(
        "--torch-index",
        default="",
        metavar="ADDRESS",
        help="index that is asked for torch first, as for its small builds for CPUs",
    )
    chosen = parser.parse_args(arguments)
    try:
        _act(chosen)
    except InstallError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def _act(chosen: argparse.Namespace) -> None:
    environment = Environment(Path(chosen.to).expanduser().absolute())
    bundle = Path(chosen.offline) if chosen.offline else running_zip()
    extras = tuple(each for each in chosen.extras.split(",") if each)
    feedback = Feedback(say=_say)
    if chosen.action == "remove":
        environment.remove()
    elif chosen.action == "verify":
        about = environment.about
        if not about:
            raise InstallError(f"{environment.folder} is not there or not whole: install it")
        environment.verify(extras or tuple(about["extras"]), feedback)
    else:
        if not extras:
            extras = read_manifest(bundle).extras if bundle else tuple(EXTRAS.split(","))
        wanted = Wanted(
            extras=extras,
            wheel=Path(chosen.wheel).absolute() if chosen.wheel else None,
            offline=bundle,
            torch_index=chosen.torch_index,
        )
        environment.install(wanted, feedback, is_fresh=chosen.action == "repair")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
