"""Bands of several rasters as one, and the features of pixels that are computed from them."""
