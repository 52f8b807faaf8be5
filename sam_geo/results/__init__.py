"""Results: rows of tables, label rasters, pictures, QGIS styles and records of jobs."""
