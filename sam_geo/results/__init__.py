"""Results: rows, label rasters, pictures and records of what was found."""
