"""Installation: an environment of the suite's own, made by a host, and what it is made from.

`pythons` finds a Python, `commands` runs programs with live lines, `environment` makes, verifies,
repairs and removes an environment, `offline` reads bundles for machines without internet, and
`program` is all that on a command line. These run in the Python of QGIS and of 3D Slicer too, from
3.9 on, where nothing but the standard library is there: they import nothing else, and the zips of
the plugins carry copies of them. `plugin_zip` makes these zips, and `bundle` the bundles.
"""
