"""Land cover: a class for every pixel of a raster, learned from a few labelled samples."""
