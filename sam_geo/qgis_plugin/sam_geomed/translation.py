"""Translation: all texts of the plugin in QGIS's language, where `i18n` has it.

Texts are written in English where they are used, as `translate("SamGeomed", "…")`, which Qt's
tools find in the sources. A text that is made before the language is known, such as a constant, is
marked by `QT_TRANSLATE_NOOP("SamGeomed", "…")` and goes through `translated` where it is shown.
Identifiers of algorithms, parameters, options and columns are never translated.
"""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTranslator

CONTEXT = "SamGeomed"
"""Context of all texts in files of translations."""
FOLDER = Path(__file__).with_name("i18n")
"""Where `sam_geomed_LOCALE.qm` lies."""
translate = QCoreApplication.translate
"""Context and English text, then a note for translators and a number, to the text in use."""


def translated(text: str) -> str:
    """A text that was marked elsewhere."""
    return translate(CONTEXT, text)


def locale_name() -> str:
    """The language of QGIS, such as `de` or `de_AT`: the user's choice, or that of the system."""
    settings = QgsSettings()
    chosen = ""
    if settings.value("locale/overrideFlag", defaultValue=False, type=bool):
        chosen = str(settings.value("locale/userLocale", "") or "")
    return chosen or QLocale().name()


class Language:
    """The translation in use, from the start of the plugin on; none where there is no file of it.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._translator = QTranslator()
        # Qt itself goes on to sam_geomed_de where there is no sam_geomed_de_AT
        self.is_there = self._translator.load(f"sam_geomed_{locale_name()}", str(folder))
        """Whether there is a translation."""
        if self.is_there:
            QCoreApplication.installTranslator(self._translator)

    def remove(self) -> None:
        """Go back to English."""
        QCoreApplication.removeTranslator(self._translator)
