"""The Segment Anything core: networks, weights, engines, prompts and masks.

The core knows tensors and files of its own. Raster formats live in `sam_geo`, volume formats in
`sam_med`. Importing this package loads no torch; a segmenter does, unless OpenVINO has converted
its network.
"""

__version__ = "0.1.0"
