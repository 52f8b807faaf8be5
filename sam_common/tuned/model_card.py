"""Model card: what a tuned model was made of and how good it is, as plain values and for people.

After Mitchell et al. 2019, *Model Cards for Model Reporting* (doi:10.1145/3287560.3287596): base,
licence, data, splits, figures before and after with their intervals, settings and versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = {"boxes": "true box", "points": "one point"}
"""How the rows of the figures name a kind of prompt."""


def markdown(card: Mapping[str, Any], *, name: str) -> str:
    """A model card as Markdown.

    Args:
        card: As `sam_common.training.run.finetune` makes it.
        name: Name of the tuned file.
    """
    base, data, verdict = card["base"], card["data"], card["verdict"]
    lines = [
        f"# {name}",
        "",
        f"A network tuned from `{base['name']}` by sam-geomed {card['versions']['sam-geomed']}.",
        "For research and mapping; not a medical device.",
        "",
        *_pairs(
            {
                "base": f"`{base['name']}`, architecture `{base['arch']}`",
                "sha256 of the base": f"`{base['sha256']}`",
                "licence of the base": base["licence"],
                "source of the objects": data["source"],
                "tuned parts": ", ".join(card["parts"]),
                "objects": ", ".join(f"{n} to {part}" for part, n in data["objects"].items()),
                "images": data["images"],
                "how they were parted": data["split"],
            }
        ),
        "",
        "The licence of the data that it learned from may bind this model as well.",
        "",
        "## Figures",
        "",
        f"Mean IoU of {data['objects']['judge']} objects that took no part in learning;",
        f"the interval is a paired bootstrap of the gain, {verdict['level']:.0%}.",
        "",
        *_figures(card["figures"]),
        "",
        f"**{verdict['text']}**",
        "",
        "## Settings and versions",
        "",
        *_pairs({**card["settings"], **card["versions"]}),
        "",
    ]
    return "\n".join(lines)


def _figures(figures: Mapping[str, Any]) -> list[str]:
    """The table of the figures, one row for each kind of prompt."""
    rows = [
        ["asked by", "before", "after", "gain", "interval", "prompt alone"],
        ["---"] * 6,
        *(
            [
                KINDS[kind],
                f"{one['before']:.3f}",
                f"{one['after']:.3f}",
                f"{one['gain']:+.3f}",
                f"{one['low']:+.3f} to {one['high']:+.3f}",
                ", ".join(f"{name} {value:.3f}" for name, value in one["prompt_alone"].items()),
            ]
            for kind, one in figures.items()
        ),
    ]
    return [_row(row) for row in rows]


def _pairs(facts: Mapping[str, Any]) -> list[str]:
    return [f"- {name}: {value}" for name, value in facts.items()]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
