"""Colours of classes: the customary ones of land-cover maps, and others that are told apart."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""

BARE = (179, 172, 159)
CUSTOMARY: tuple[tuple[Colour, tuple[str, ...]], ...] = (
    ((255, 255, 255), ("cloud wolke nuage nube",)),
    ((70, 70, 80), ("shadow schatten ombre sombra",)),
    (
        (209, 222, 248),
        ("snow ice glacier", "schnee eis gletscher neige glace nieve hielo glaciar"),
    ),
    ((0, 207, 117), ("mangrove manglar",)),
    (
        (108, 159, 184),
        (
            "wetland marsh swamp bog mire fen peat flooded",
            "sumpf feuchtgebiet moor marais tourbiere zone_humide humedal pantano",
        ),
    ),
    (BARE, ("deforest clearcut clear_cut kahlschlag coupe_rase",)),
    ((181, 197, 143), ("mixed_forest mixed_wood mischwald foret_mixte bosque_mixto",)),
    (
        (28, 95, 44),
        (
            "conifer evergreen needle pine spruce fir larch",
            "nadel kiefer fichte tanne resineux sapin pino",
        ),
    ),
    (
        (104, 171, 95),
        (
            "deciduous broadleaf broad_leaved hardwood oak beech birch",
            "laub eiche buche feuillu chene hetre frondosa roble haya",
        ),
    ),
    (
        (204, 184, 121),
        (
            "shrub scrub bush heath bracken hedge",
            "strauch gebusch heide hecke arbuste buisson matorral arbusto",
        ),
    ),
    (
        (110, 110, 110),
        (
            "road street impervious pavement paved asphalt concrete parking rail",
            "strasse versiegelt route carretera calle",
        ),
    ),
    (
        (220, 217, 57),
        ("pasture meadow hay", "weide wiese grunland prairie paturage pastizal pradera"),
    ),
    (
        (204, 242, 77),
        ("grass lawn herb turf", "gras rasen gazon pelouse hierba cesped"),
    ),
    (
        (235, 0, 0),
        (
            "building built urban house roof town city settlement developed artificial",
            "residential industrial gebaude haus dach siedlung stadt bebau",
            "batiment bati urbain ville toit edificio ciudad casa tejado",
        ),
    ),
    (
        (171, 108, 40),
        (
            "crop agricult cultivat field farm arable orchard vineyard wheat maize corn rice soy",
            "acker feld landwirtschaft getreide mais culture champ cultivo campo agricola",
        ),
    ),
    (
        (0, 100, 0),
        ("forest tree wood canopy", "wald baum geholz foret arbre bois bosque arbol"),
    ),
    (
        BARE,
        (
            "bare barren soil sand rock gravel dune beach desert quarry mine",
            "boden fels kies brache sol sable roche suelo arena roca",
        ),
    ),
    (
        (70, 107, 159),
        (
            "water river lake sea ocean pond stream canal reservoir",
            "wasser fluss see teich bach eau riviere lac mer etang agua rio lago mar embalse",
        ),
    ),
)
"""Colours of land-cover maps and, in the order in which they are looked for, beginnings of words in
names of classes: English ones, then German, French and Spanish; an underscore is a space.

The colours are those of NLCD 2016 (https://www.mrlc.gov/data/legends/, classes 11 to 95); of forest
and mangroves those of ESA WorldCover 2021 (https://doi.org/10.5281/zenodo.7254221), of grass that
of class 321 of CORINE Land Cover; clouds are white, roads and shadow grey."""
NEGATIONS = frozenset({"kein", "keine", "nicht", "no", "not", "other", "sans", "sin"})
"""Words that turn the meaning of a name around; so does a beginning with `non`."""
LONG = 5
"""Letters from which a word is also looked for inside of others, as in compounds."""
SHORT = 3
"""Letters up to which a word counts only as a whole, or with an s."""

OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Palette of Okabe and Ito 2008, "Color universal design" (https://jfly.uni-koeln.de/color/), made
to be told apart by colour-blind people."""
EYES = np.array(
    [
        np.eye(3),
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ]
)
"""Matrices of linear RGB as normal, protanope and deuteranope eyes see it; Machado, Oliveira and
Fernandes 2009 (https://doi.org/10.1109/TVCG.2009.113), severity 1."""
SHADES = (0.0, 0.4, -0.35, 0.6, -0.55, 0.2, -0.18)
"""Shares of white (or, below 0, of black) that are mixed into a customary colour that is taken."""
APART = 12.0
"""Difference in CIELAB below which two colours are too much alike: patches side by side are told
apart from 2 or 3 on, but the eye has to find a colour again in the legend."""
LEVELS = (0, 36, 73, 109, 146, 182, 219, 255)
"""Values of red, green and blue from which further colours are chosen."""
LIGHTNESS = (30.0, 92.0)
"""Least and most CIELAB lightness of these colours: neither black nor white."""


def class_colours(names: Sequence[str]) -> list[Colour]:
    """Choose a colour for each class, all different.

    Classes with a usual word of land cover in their name, such as water or forest, get the
    customary colour of maps, and a shade of it where an earlier class has the same. The others get
    the colours of Okabe and Ito and, where these are used up, those that differ most from all
    before, as people with and without colour blindness see them (the greedy search of Glasbey et
    al. 2007, https://doi.org/10.1002/col.20327).

    Args:
        names: Names of at most 255 classes.

    Returns:
        The colours, in the order of the names.
    """
    found: dict[int, Colour] = {}
    for n, name in enumerate(names):
        base = customary_colour(name)
        shades = [] if base is None else [_shade(base, share) for share in SHADES]
        taken = _lab(list(found.values()))[0]
        for shade in shades:
            if _distances(_lab([shade])[:1], taken[None])[0] >= APART:
                found[n] = shade
                break
    rest = [n for n in range(len(names)) if n not in found]
    found |= zip(rest, _palette(list(found.values()), len(rest)), strict=True)
    return [found[n] for n in range(len(names))]


def customary_colour(name: str) -> Colour | None:
    """The colour that maps usually give to a class; None for a name without a usual word.

    >>> customary_colour("Laubwald"), customary_colour("not water")
    ((104, 171, 95), None)
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    # accents are characters of their own now, and left out
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.findall("[a-z]+", plain)
    if any(word in NEGATIONS or word.startswith("non") for word in words):
        return None
    for colour, usual in CUSTOMARY:
        if any(_is_in(wanted, words) for wanted in " ".join(usual).split()):
            return colour
    return None


def _is_in(wanted: str, words: list[str]) -> bool:
    """Whether one of the words of a name begins with the wanted word, or holds a long one."""
    if "_" in wanted:
        return wanted.replace("_", " ") in " ".join(words)
    if len(wanted) <= SHORT:
        return wanted in words or f"{wanted}s" in words
    if len(wanted) < LONG:
        return any(word.startswith(wanted) for word in words)
    return any(wanted in word for word in words)


def _shade(colour: Colour, share: float) -> Colour:
    """A colour with a share of white, or of black where the share is negative."""
    end = 255 if share > 0 else 0
    red, green, blue = (round(value + (end - value) * abs(share)) for value in colour)
    return red, green, blue


def _palette(used: list[Colour], count: int) -> list[Colour]:
    """As many further colours, each of which differs as much as can be from all before."""
    chosen: list[Colour] = []
    preferred = [
        each for each in OKABE_ITO if not used or _distances(_lab([each]), _lab(used))[0] >= APART
    ]
    chosen += preferred[:count]
    candidates, seen = _candidates()
    distance = np.full(len(candidates), np.inf)
    for each in (*used, *chosen):
        distance = np.minimum(distance, _distances(seen, _lab([each])))
    while len(chosen) < count:
        best = int(distance.argmax())
        chosen.append(candidates[best])
        distance = np.minimum(distance, _distances(seen, seen[:, best : best + 1]))
    return chosen


@functools.cache
def _candidates() -> tuple[list[Colour], npt.NDArray[np.float64]]:
    """Colours that are neither too dark nor too light, and how the three kinds of eyes see them."""
    grid: list[Colour] = [(r, g, b) for r, g, b in itertools.product(LEVELS, repeat=3)]
    seen = _lab(grid)
    kept = np.flatnonzero((seen[0, :, 0] >= LIGHTNESS[0]) & (seen[0, :, 0] <= LIGHTNESS[1]))
    return [grid[n] for n in kept.tolist()], seen[:, kept]


def _lab(colours: Sequence[Colour]) -> npt.NDArray[np.float64]:
    """(3, N, 3) CIELAB coordinates of N colours for normal, protanope and deuteranope eyes."""
    # imported where it is needed: most of what reads a legend has its colours already
    from skimage.color import rgb2lab  # noqa: PLC0415

    encoded = np.array(colours, dtype=np.float64).reshape(-1, 3) / 255
    # sRGB (IEC 61966-2-1) to linear values and back
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004
    seen = np.clip(linear @ EYES.transpose(0, 2, 1), 0, 1)
    back = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)  # noqa: PLR2004
    found: npt.NDArray[np.float64] = rgb2lab(back)
    return found


def _distances(
    ours: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N,) distance from each of our (E, N, 3) colours to the nearest of (E, M, 3) others.

    It is that for the eyes, of E kinds, which tell the two least.
    """
    if not others.shape[1]:
        return np.full(ours.shape[1], np.inf)
    apart = np.linalg.norm(ours[:, :, None] - others[:, None], axis=-1)
    return np.asarray(apart.min(axis=(0, 2)))
