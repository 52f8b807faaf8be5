"""Classification: from the blocks of a raster and a model to one class for every pixel."""
