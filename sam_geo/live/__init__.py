"""Live rasters: what the local server asks of a raster while a person clicks on it."""
