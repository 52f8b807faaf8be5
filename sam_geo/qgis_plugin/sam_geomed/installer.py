"""Installer: the suite's environment in QGIS's profile, made beside the window.

```
window's thread    InstallDialog                  <- a timer reads what was told
Background         suite_installation             venv, pip, verification
```
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .suite_installation.environment import Environment, Wanted
from .translation import translated

EXTRAS = ("geo", "cpu", "hf", "server")
"""Extras of the suite that the plugin uses."""
FOLDER = "sam_geomed"
"""Folder in the profile of QGIS; plugins are replaced when they are updated, this one stays."""
WHEELS = Path(__file__).with_name("suite_wheel")
"""Where the zip of the plugin has the suite's wheel."""
SUITE_TEXTS = (
    QT_TRANSLATE_NOOP("SamGeomed", "not installed"),
    QT_TRANSLATE_NOOP("SamGeomed", "not whole: install it again"),
    QT_TRANSLATE_NOOP("SamGeomed", "the plugin brings another version: install it"),
    QT_TRANSLATE_NOOP("SamGeomed", "looking for a Python"),
    QT_TRANSLATE_NOOP("SamGeomed", "making an environment"),
    QT_TRANSLATE_NOOP("SamGeomed", "updating pip"),
    QT_TRANSLATE_NOOP("SamGeomed", "verifying the bundle"),
    QT_TRANSLATE_NOOP("SamGeomed", "verifying"),
    QT_TRANSLATE_NOOP("SamGeomed", "done"),
    QT_TRANSLATE_NOOP(
        "SamGeomed",
        "On Linux the usual PyTorch brings gigabytes for NVIDIA's GPUs. Without such a GPU, give "
        "the address of the builds for CPUs, which pytorch.org shows under Get Started.",
    ),
)
"""Texts of the suite's installer that the dialog shows; its log and its errors stay as they are."""


def own_environment() -> Environment:
    """The environment in the profile of this QGIS, which need not be there."""
    return Environment(Path(QgsApplication.qgisSettingsDirPath()) / FOLDER)


def own_wheel() -> Path | None:
    """The suite's wheel in this plugin; None in a checkout."""
    return next(iter(sorted(WHEELS.glob("*.whl"))), None)


def state() -> str:
    """How the environment stands, in one line."""
    return of_the_suite(own_environment().state(own_wheel()))


def of_the_suite(said: str) -> str:
    """What the suite's installer says, in QGIS's language where it is one of `SUITE_TEXTS`."""
    return "; ".join(map(translated, said.split("; ")))


def wanted(offline: str, *, torch_index: str) -> Wanted:
    """What the button installs.

    Args:
        offline: Path of a bundle; empty to take packages as pip is configured to.
        torch_index: Address of an index that is asked for torch first; empty for none.
    """
    return Wanted(
        extras=EXTRAS,
        wheel=own_wheel(),
        offline=Path(offline) if offline else None,
        torch_index=torch_index,
        variables=tuple(proxy_variables().items()),
    )


def proxy_variables() -> dict[str, str]:
    """The proxy of QGIS's options for pip, where one of HTTP is set there; else none.

    Its password goes into the environment of pip alone, never into a command line or a log.
    """
    settings = QgsSettings()
    host = str(settings.value("proxy/proxyHost", "") or "")
    is_on = settings.value("proxy/proxyEnabled", defaultValue=False, type=bool)
    if not is_on or not host or settings.value("proxy/proxyType", "") != "HttpProxy":
        return {}
    login = str(settings.value("proxy/proxyUser", "") or "")
    if login:
        password = str(settings.value("proxy/proxyPassword", "") or "")
        login = f"{quote(login, safe='')}:{quote(password, safe='')}@"
    port = str(settings.value("proxy/proxyPort", "") or "")
    address = f"http://{login}{host}{f':{port}' if port else ''}"
    return {"HTTP_PROXY": address, "HTTPS_PROXY": address}
