"""Automatic jobs: everything in a raster, window by window, linked and mended across seams."""
