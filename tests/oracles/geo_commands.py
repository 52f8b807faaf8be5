"""Commands of `sam-geo` on windows, as they are run in a folder with a raster and prompts."""

from __future__ import annotations

SMALL = ("--tile-size", "64", "--overlap", "16", "--points-per-side", "4")
COMMANDS = {
    "auto": ("auto", "image.tif", "-o", "o.gpkg", "--labels", "l.tif", *SMALL),
    "partitions": ("auto", "image.tif", "-o", "o.parquet", "--partition", "3", *SMALL),
    "simplified": ("auto", "image.tif", "-o", "o.gpkg", "--simplify", "0.75", *SMALL),
    "prompt": ("prompt", "image.tif", "boxes.csv", "-o", "o.gpkg"),
    "one class": ("prompt", "image.tif", "examples.csv", "-o", "o.gpkg", "--one-class"),
    "words": ("prompt", "image.tif", "-o", "o.gpkg", "--text", "red", "--text", "roof"),
    "encode": ("encode", "image.tif", "-o", "kept"),
    "landcover": (
        *("landcover", "image.tif", "samples.csv", "-o", "o.tif", "--samples-crs", "pixel"),
        *("--class-field", "cover", "--classifier", "discriminant"),
    ),
    "similar": (
        *("similar", "image.tif", "examples.csv", "-o", "o.gpkg", "--examples-crs", "pixel"),
        *("--tile-size", "64", "--points-per-side", "4", "--classifier", "discriminant", "--all"),
    ),
}
TIMED = (".job.json", ".candidates.parquet")


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(TIMED)
    }
