"""Class maps: rasters whose values are classes, with the names and true areas of these classes."""
