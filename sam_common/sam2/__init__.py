"""SAM 2: its sizes, the names of its weights, its networks, and objects followed through slices."""
