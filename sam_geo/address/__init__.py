"""Addresses: names that GDAL opens, the files that they lead to, and checks of these files."""
