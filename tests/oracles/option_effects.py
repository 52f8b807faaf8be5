"""Option effects: that a command with an option does something else than with another value.

A command is run twice with one value and once with another. What is the same in the first two
runs and not in the third, or the other way round, is the effect. Records of a job are left out:
they repeat what was asked for, whether it was done or not.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import typer
from typer.testing import CliRunner

TESTS = Path(__file__).parents[1]
RECORDS = (".job.json", "batch.json", "plan.json")
TIMES = re.compile(r"\d+\.\d+|[\s\u2500-\u257f]+")
"""Numbers with decimals, and what makes the columns of a table as wide as they are."""


@dataclass(frozen=True)
class Effect:
    """Two ways to call a command that differ in one option."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    exits: tuple[int, int] = (0, 0)
    """Exit codes of both."""
    prepared: dict[str, str] = field(default_factory=dict)
    """Files that lie in the folder before each run: name to text."""


@dataclass(frozen=True)
class Elsewhere:
    """A test that sees the effect; it says the option, or its parameter."""

    test: str
    """File under `tests`, `::`, name."""

    def mentions(self, option: str) -> bool:
        """Whether the test exists and says the option."""
        file, _, name = self.test.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        for item in ast.walk(ast.parse(text)):
            if isinstance(item, ast.FunctionDef) and item.name == name:
                lines = text.splitlines()
                first = min([item.lineno, *(d.lineno for d in item.decorator_list)])
                said = "\n".join(lines[first - 1 : item.end_lineno])
                return option in said or option.lstrip("-").replace("-", "_") in said
        return False


def values(head, option, one, other, **more):
    """The same command with two values of an option."""
    return Effect((*head, option, one), (*head, option, other), **more)


def flag(head, *more, **options):
    """A command without a flag and with it."""
    return Effect(head, (*head, *more), **options)


def model_options(command, head):
    """Options that go to the loader of networks as they are."""
    given = {"--device": ("cpu", "cuda"), "--engine": ("torch", "openvino")}
    given["--precision"] = ("fp32", "bf16")
    return {f"{command} {name}": values(head, name, *pair) for name, pair in given.items()}


def network_options(command, head, models):
    """Options that choose a network, of two `models`."""
    return {
        f"{command} --model": values(head, "--model", *models),
        f"{command} --arch": values(head, "--arch", "vit_b", "vit_l"),
        **model_options(command, head),
    }


def training_options(command, head, models):
    """Options of `finetune`, which are seen in what is asked for."""
    given = {
        "--parts": ("decoder", "both"),
        "--prompts": ("boxes", "points"),
        "--epochs": ("40", "9"),
        "--patience": ("8", "9"),
        "--views": ("8", "9"),
        "--learning-rate": ("0.1", "0.2"),
        "--rank": ("8", "9"),
        "--seed": ("0", "9"),
    }
    return {
        **{f"{command} {name}": values(head, name, *pair) for name, pair in given.items()},
        **network_options(command, head, models),
        f"{command} --output": Effect(head, (*head, "-o", "other.safetensors")),
        f"{command} --keep-anyway": flag(head, "--keep-anyway"),
        f"{command} --dry-run": flag(head, "--dry-run"),
        f"{command} --resume": flag(head, "--resume"),
        f"{command} --overwrite": flag(head, "--overwrite"),
        f"{command} --json": flag(head, "--json"),
        f"{command} --quiet": flag(head, "-q"),
    }


def options_of(app):
    """Every option of every command, as "command --option"."""
    found = set()

    def walk(command, path):
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, [*path, name])
        for option in command.params:
            if path and option.param_type_name == "option":
                found.add(" ".join([*path, option.opts[0]]))

    walk(typer.main.get_command(app), [])
    return found


def seen(app, arguments, folder, more):
    """What a run shows: its exit code, its words, its files and what `more` gives; by name."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        # one line and exit code 2 are the work of the entry point
        found = {"exit": 2, "stderr": str(result.exception)}
    else:
        found = {"exit": result.exit_code, "stderr": result.stderr, "stdout": result.stdout}
        found["stdout but for times"] = TIMES.sub(" ", result.stdout)
        found["stderr but for times"] = TIMES.sub(" ", result.stderr)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(RECORDS):
            name = path.relative_to(folder).as_posix()
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found | more()


def differs(first, again, other):
    """Whether something that two equal runs agree on is another thing in the third."""
    steady = {name for name in first if first[name] == again.get(name)}
    return any(first[name] != other.get(name) for name in steady) or bool(
        set(other) - set(first) - set(again)
    )
