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

from .suite_installation.environment import Environment, Wanted

EXTRAS = ("geo", "cpu", "hf", "server")
"""Extras of the suite that the plugin uses."""
FOLDER = "sam_geomed"
"""Folder in the profile of QGIS; plugins are replaced when they are updated, this one stays."""
WHEELS = Path(__file__).with_name("suite_wheel")
"""Where the zip of the plugin has the suite's wheel."""


def own_environment() -> Environment:
    """The environment in the profile of this QGIS, which need not be there."""
    return Environment(Path(QgsApplication.qgisSettingsDirPath()) / FOLDER)


def own_wheel() -> Path | None:
    """The suite's wheel in this plugin; None in a checkout."""
    return next(iter(sorted(WHEELS.glob("*.whl"))), None)


def state() -> str:
    """How the environment stands, in one line."""
    return own_environment().state(own_wheel())


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
