"""Records of land-cover maps for tests, as a job would have written them."""

from __future__ import annotations

import numpy as np

NAMES = {"1": "water", "2": "forest", "7": "town"}
COLOURS = {"1": [70, 107, 159], "2": [0, 100, 0], "7": [235, 0, 0]}
NASTY = {
    "1": '<script>alert("1")</script>',
    "2": "A 'quoted' & \"double\" <b>name</b> \N{DECIDUOUS TREE}\N{VARIATION SELECTOR-16}",
    "7": "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} " + "Siedlungsfläche" * 5,
}
"""Names of classes that a page must print as they are."""


def accuracy(names, counts):
    """An accuracy of a training with true classes as rows, as `Tested.as_record` gives it."""
    table = np.array(counts)
    right = np.diag(table)
    truth, found = table.sum(axis=1), table.sum(axis=0)
    f1 = 2 * right[truth > 0] / (truth + found)[truth > 0]
    return {
        "overall": float(right.sum() / table.sum()),
        "macro_f1": float(f1.mean()),
        "pixels": int(table.sum()),
        "classes": list(names),
        "counts": table.tolist(),
    }


def training(names, counts=((18, 2, 0), (1, 37, 3), (0, 4, 35)), doubts=()):
    """The facts of a training on points of a number of classes."""
    names, table = list(names), np.array(counts)
    pixels = dict(zip(names, (table.sum(axis=1) + 1).tolist(), strict=True))
    lucky = table + np.diag([5, *[0] * (len(names) - 1)])
    return {
        "samples": {
            "file": {"path": "/data/my samples.gpkg", "bytes": 98304, "sha256": "5a" * 32},
            "class_field": "cover",
            "features": pixels,
            "pixels": pixels,
            "left_out": {"class": 0, "geometry": 0, "outside": 6, "contradicted": 0, "nodata": 0},
            "contradictions": 0,
        },
        "pixels": "eNpjYGAAAAAEAAE=",
        "features": ["blue", "red", "blue mean 5 px"],
        "tried": [
            {"name": "values", "features": 2, "overall": 0.8111, "macro_f1": 0.8022,
             "chosen": False},
            {"name": "values and surroundings", "features": 3, "overall": 0.9012,
             "macro_f1": 0.8934, "chosen": True},
        ],
        "blocks": {"side_px": 12.4, "groups": 31},
        "accuracies": {"blocked": accuracy(names, table), "random": accuracy(names, lucky)},
        "doubts": list(doubts),
    }  # fmt: skip


def record_of_map(values, *, names=None, colours=None, trained=None, m2_per_pixel=100.0, **parts):
    """The record of a map of (h, w) values that was learned from samples; `parts` replace some."""
    names, colours = names or NAMES, colours or COLOURS
    counts = np.bincount(np.asarray(values).ravel(), minlength=256)
    areas = [
        {"value": int(value), "class": name, "pixels": int(counts[int(value)]),
         "area_m2": m2_per_pixel * int(counts[int(value)])}
        for value, name in names.items()
    ]  # fmt: skip
    return {
        "inputs": {
            "raster": {"path": "/data/scene.tif", "bytes": 1234567, "sha256": "ab" * 32},
            "raster 2": {"path": "https://example.com/dem.tif"},
            "points.csv": {"path": "/data/points.csv", "bytes": 321, "sha256": "c0" * 32},
            "my samples.gpkg": {"path": "/data/my samples.gpkg", "bytes": 98304,
                                "sha256": "5a" * 32},
        },
        "parameters": {"table": "map.tif", "bands": ["blue", "red"], "objects": None,
                       "smallest": 4, "classifier": "forest", "seed": 3},
        "classes": names,
        "colours": colours,
        "training": training(names.values()) if trained is None else trained,
        "pixels": sum(each["pixels"] for each in areas),
        "windows": 2,
        "windows_reused": 1,
        "objects": {},
        "failures": [],
        "notes": [],
        "seconds": {"learn": 12.345, "total": 20.501},
        "versions": {"sam-geomed": "0.1.0", "scikit-learn": "1.9.1"},
        "areas": areas,
        "checked": None,
        **parts,
    }  # fmt: skip


def applied(record, trained=None):
    """The record of a map that a model of another job made."""
    inputs = {name: given for name, given in record["inputs"].items() if "raster" in name}
    return {
        **record,
        "inputs": {**inputs, "my model.skops": {"path": "/data/my model.skops"},
                   "points.csv": {"path": "/data/points.csv"}},
        "parameters": {**record["parameters"], "classifier": None, "seed": None},
        "training": {} if trained is None else trained,
    }  # fmt: skip


def figure(value, error):
    """An estimate with its 95 % interval, as `record_of` of an assessment gives it."""
    if value is None:
        return dict.fromkeys(("value", "standard_error", "low", "high"))
    ends = (None, None) if error is None else (value - 1.96 * error, value + 1.96 * error)
    return {"value": value, "standard_error": error, "low": ends[0], "high": ends[1]}


def checked(areas):
    """What independent points say of a map; they found a class that the map does not have."""
    names = [*(each["class"] for each in areas), "snow"]
    sums = [*(each["area_m2"] for each in areas), 0.0]
    total = sum(sums)
    counts = np.diag([40, 90, 50, 0]) + np.eye(4, k=1, dtype=int) * 5
    return {
        "points": int(counts.sum()),
        "left_out": {"geometry": 0, "outside": 2, "nodata": 0, "unlabelled": 0},
        "area_m2": total,
        "overall": figure(0.9234, 0.0153),
        "classes": [
            {"class": name, "mapped_m2": mapped,
             "area_m2": figure(0.9 * mapped + 4_000, 3_000.0),
             "users": figure(None if name == "snow" else 0.8765, None if n == 0 else 0.021),
             "producers": figure(0.9123 - n / 10, 0.032)}
            for n, (name, mapped) in enumerate(zip(names, sums, strict=True))
        ],
        "counts": counts.tolist(),
        "proportions": (counts / counts.sum()).tolist(),
        "notes": ["the map does not have these true classes: snow"],
    }  # fmt: skip
