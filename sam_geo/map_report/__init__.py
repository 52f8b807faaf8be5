"""Map reports: a page about a land-cover map, drawn from its record and the map itself."""
