"""QGIS's language: the plugin in German, and that all it shows goes through translations."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree as ET

import pytest
from conftest import CHECKOUT, PLUGIN
from qgis.core import QgsProcessingParameterEnum, QgsProcessingParameterFileDestination, QgsSettings
from qgis.gui import QgsFileWidget, QgsMapLayerComboBox
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTranslator
from qgis.PyQt.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QLineEdit,
    QTabWidget,
    QWidget,
)

I18N = CHECKOUT / "sam_geo" / "qgis_plugin" / PLUGIN / "i18n"
CONTEXT = "SamGeomed"
NAME = "Segment Anything"
"""The plugin's own name, which is the same in all languages."""
COUNTS = range(121)
"""Numbers that use all plural forms of any language."""


@pytest.fixture
def locale():
    """Sets QGIS's language as its options do, and the system's; both are put back."""
    settings, system = QgsSettings(), QLocale()
    keys = ("locale/overrideFlag", "locale/userLocale")
    kept = {key: settings.value(key) for key in keys}

    def choose(chosen="", *, of_system="C", is_overridden=True):
        settings.setValue("locale/overrideFlag", is_overridden)
        settings.setValue("locale/userLocale", chosen)
        QLocale.setDefault(QLocale(of_system))

    yield choose
    QLocale.setDefault(system)
    for key, value in kept.items():
        settings.remove(key) if value is None else settings.setValue(key, value)


@pytest.fixture
def start(loaded, qgis_iface):
    """Starts the plugin once more, beside that of the other tests, in the language of now."""
    from sam_geomed.plugin import Plugin
    from sam_geomed.provider import Provider
    from sam_geomed.window import Window

    started = []

    def plugin():
        made = Plugin(qgis_iface)
        started.append(made)
        # the registry of QGIS takes one provider of a name
        made.own_provider = Provider(made.server)
        made.own_provider.refreshAlgorithms()
        made.window = Window(qgis_iface, made.server)
        return made

    yield plugin
    for made in started:
        made.unload()


class Pseudo(QTranslator):
    """A language that shows what was translated."""

    def isEmpty(self):
        return False

    def translate(self, context, text, _note=None, _number=-1):
        return f"⟦{text}⟧" if context == CONTEXT else None


@pytest.fixture
def pseudo():
    translator = Pseudo()
    assert QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)


def untranslated(text):
    """What of a text did not come from a translation: words of two letters and more."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    while (less := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = less
    return re.findall(r"[^\W\d_]{2,}", text.replace(NAME, ""))


def shown_by(widget):
    """The texts of a widget, without what users and layers bring."""
    if not isinstance(widget.parentWidget(), QgsFileWidget):
        # QGIS says there what it takes
        yield widget.toolTip()
    yield widget.windowTitle()
    if isinstance(widget, (QLabel, QAbstractButton)):
        yield widget.text()
    if isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    if isinstance(widget, QTabWidget):
        yield from (widget.tabText(n) for n in range(widget.count()))
    if isinstance(widget, QgsMapLayerComboBox):
        yield widget.itemText(0) if widget.allowEmptyLayer() else ""
    elif isinstance(widget, QComboBox):
        yield from (widget.itemText(n) for n in range(widget.count()))


def widgets_of(top):
    """A window and all in it; of QGIS's own choosers of files only where a path is typed."""
    for widget in [top, *top.findChildren(QWidget)]:
        parent = widget.parentWidget()
        if isinstance(parent, QgsFileWidget) and not isinstance(widget, QLineEdit):
            continue
        yield widget


def definitions(algorithm):
    return [*algorithm.parameterDefinitions(), *algorithm.outputDefinitions()]


def described(algorithm):
    yield algorithm.displayName()
    yield algorithm.group()
    yield algorithm.shortHelpString()
    yield ",".join(algorithm.tags())
    for definition in definitions(algorithm):
        yield definition.description()
        if isinstance(definition, QgsProcessingParameterFileDestination):
            yield definition.fileFilter().partition(";;")[0]


def identity(algorithm):
    """All of an algorithm that models and scripts rely on."""
    return (
        algorithm.name(),
        algorithm.groupId(),
        [
            (
                one.name(),
                one.type(),
                one.defaultValue() if hasattr(one, "defaultValue") else None,
                one.options() if isinstance(one, QgsProcessingParameterEnum) else None,
            )
            for one in definitions(algorithm)
        ],
    )


def by_name(plugin):
    return {each.name(): each for each in plugin.own_provider.algorithms()}


def test_a_german_qgis_has_a_german_plugin(start, locale):
    locale()
    english = {name: identity(each) for name, each in by_name(start()).items()}
    locale("de")
    plugin = start()
    dock = plugin.window.dock
    assert dock.accept_button.text() == "Übernehmen"
    assert dock.accept_button.toolTip() == "Übernehmen (Eingabe auf der Karte)"
    assert dock.new_button.text() == "Neu…"
    assert dock.tabs.tabText(0) == "Segmentieren"
    assert dock.status.text() == "Auf ein Objekt klicken oder eine Box darum ziehen."
    assert dock.class_box.lineEdit().placeholderText() == "etwa Baum (freiwillig)"
    found = by_name(plugin)
    assert found["landcover"].displayName() == "Landbedeckung aus Trainingsdaten"
    assert found["landcover"].group() == "Klassenkarten"
    assert found["landcover"].parameterDefinition("INPUT").description() == (
        "Raster, auf dem Gitter des ersten"
    )
    assert found["assess"].outputDefinition("OVERALL").description() == "Gesamtgenauigkeit"
    assert {"Stichprobe", "sample"} <= set(found["sample"].tags())
    assert len(english) == 8
    assert {name: identity(each) for name, each in found.items()} == english


def test_numbers_have_their_plural_form(start, locale):
    from sam_geomed.layer_session import Outline
    from sam_geomed.suite_algorithm import translate
    from sam_geomed.words import in_words

    locale("de")
    start()
    assert in_words(Outline(None, "ok", 0.5, 1)) == (
        "Gefunden: 1 Pixel, Bewertung 0.50. Eingabe übernimmt es."
    )
    told = "{name}: %n points for {area:,.1f} ha"
    assert translate(CONTEXT, told, "", 1).startswith("{name}: 1 Punkt für")
    assert translate(CONTEXT, told, "", 2).startswith("{name}: 2 Punkte für")


@pytest.mark.parametrize(
    ("chosen", "is_german"),
    [
        ({"chosen": "de"}, True),
        ({"chosen": "de_AT"}, True),
        ({"chosen": "fr", "of_system": "de_DE"}, False),
        ({"chosen": "", "of_system": "de_DE"}, True),
        # QGIS leaves what was chosen in its settings where it is not to be used
        ({"chosen": "de", "is_overridden": False}, False),
        ({"chosen": "fr", "of_system": "de_CH", "is_overridden": False}, True),
        ({"chosen": "xx"}, False),
    ],
)
def test_the_language_is_that_of_qgis(loaded, locale, chosen, is_german, capfd):
    from sam_geomed.translation import Language, translated

    locale(**chosen)
    language = Language()
    try:
        assert language.is_there is is_german
        assert translated("Undo") == ("Rückgängig" if is_german else "Undo")
    finally:
        language.remove()
    assert translated("Undo") == "Undo"
    assert capfd.readouterr() == ("", "")


def test_all_that_the_windows_show_is_translated(start, locale, pseudo):
    locale()
    window = start().window
    window.install()
    window.dock.offer_model("crowns", "")
    known = {window.dock.model_box.itemText(n) for n in range(window.dock.model_box.count())}
    wrong = [
        (type(widget).__name__, text)
        for top in (window.dock, window.installing)
        for widget in widgets_of(top)
        for text in shown_by(widget)
        if text not in known and set(untranslated(text)) - {"crowns"}
    ]
    assert wrong == []
    texts = {text for widget in widgets_of(window.dock) for text in shown_by(widget) if "⟦" in text}
    assert len(texts) > 30


def test_all_that_algorithms_show_is_translated(start, locale, pseudo):
    locale()
    plugin = start()
    assert [
        (algorithm.id(), text)
        for algorithm in plugin.own_provider.algorithms()
        for text in described(algorithm)
        if untranslated(re.sub(r"\(\*\.\w+\)", "", text))
    ] == []


def test_what_the_plugin_says_is_translated(start, locale, pseudo):
    from sam_geomed.environment import EnvironmentMissingError
    from sam_geomed.layer_session import Outline
    from sam_geomed.words import STATUS, in_words

    locale()
    start()
    for status in STATUS:
        assert in_words(Outline(None, status)) == f"⟦{STATUS[status]}⟧"
    assert untranslated(in_words(Outline(None, "ok", 0.5, 7))) == []
    why = str(EnvironmentMissingError())
    assert why.startswith("⟦The plugin needs the suite")
    # commands for a terminal are the same everywhere
    assert '/bin/pip install "sam-geomed[geo,cpu,hf,server]"' in why


@pytest.mark.parametrize("path", sorted(I18N.glob("*.ts")), ids=lambda path: path.stem)
def test_the_compiled_file_has_what_the_file_of_translators_has(path):
    translator = QTranslator()
    assert translator.load(str(path.with_suffix(".qm")))
    stale = []
    for message in ET.parse(path).iter("message"):  # noqa: S314 (our own file)
        source, translation = message.findtext("source"), message.find("translation")
        forms = {each.text for each in translation.findall("numerusform") or [translation]}
        counts = COUNTS if "numerus" in message.attrib else [-1]
        if {translator.translate(CONTEXT, source.encode(), None, n) for n in counts} != forms:
            stale.append(source)
    assert stale == [], "run: make translations"


def test_qgis_process_is_german_too(process, tmp_path):
    (settings,) = (tmp_path / "profile").rglob("QGIS3.ini")
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n[locale]\noverrideFlag=true\nuserLocale=de\n")
    told = process("help", "sam_geomed:prompts")
    assert "Objekte aus Boxen oder Punkten segmentieren (sam_geomed:prompts)" in told
    assert re.search(r"^PROMPTS: Boxen, Polygone oder Punkte$", told, re.MULTILINE)
