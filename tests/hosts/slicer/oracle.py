"""The suite itself, in its own Python, as the oracle of what the module shows."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
SUITE = Path(os.environ["SAM_SUITE_PYTHON"])
"""Python in which the suite is installed; the server runs in it, too."""
VARIABLES = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
}
"""For the server and for the suite's own commands: this checkout, and as many threads."""


def suite(*arguments, code=None):
    """What the suite itself says: a module's command, or lines of Python; JSON where it is some."""
    command = [str(SUITE), *(("-c", code) if code else ("-m",)), *map(str, arguments)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "QT_"))}
    done = subprocess.run(
        command, env={**clean, **VARIABLES}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout
