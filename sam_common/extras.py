"""Extras: the libraries that `pip install "sam-geomed[...]"` brings beside the core's own.

Where a library is missing, the message names the extra that brings it: "No module named 'rasterio'"
alone says nothing about what to install.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BROUGHT = {
    "geo": (
        "affine", "buildingregulariser", "defusedxml", "geopandas", "pandas", "pyarrow", "pyogrio",
        "pyproj", "rasterio", "shapely", "skimage", "sklearn", "skops", "spyndex",
    ),
    "med": ("SimpleITK", "highdicom", "nibabel", "pydicom"),
    "cpu": ("onnx", "openvino"),
    "server": ("fastapi", "pydantic", "starlette", "uvicorn"),
    "notebook": ("anywidget", "traitlets"),
    "evaluate": ("pycocotools",),
    "dask": ("distributed", "prometheus_client"),
    "hf": ("huggingface_hub", "transformers"),
}  # fmt: skip
EXTRAS: Mapping[str, str] = MappingProxyType(
    {module: extra for extra, modules in _BROUGHT.items() for module in modules}
)
"""Each module of another project that is imported and that only an extra brings, to that extra.

What `notebook` shares with `server` stands under `server`.
"""


def missing_extra(error: ImportError, wanted: str | None = None) -> MissingExtraError | None:
    """The error that names the extra to install, where one brings what an import did not find.

    Args:
        error: What the import raised.
        wanted: What needs the module, such as "sam_geo.open_raster"; None for what the user began.

    Returns:
        None where no extra brings the module, or the module is there and something in it is not.
    """
    module = error.name
    if module is None or not isinstance(error, ModuleNotFoundError) or module not in EXTRAS:
        return None
    install = f'pip install "sam-geomed[{EXTRAS[module]}]"'
    if wanted is None:
        return MissingExtraError(f"the package {module} is not installed: {install}", name=module)
    return MissingExtraError(
        f"{wanted} needs the package {module}, which is not installed: {install}", name=module
    )
