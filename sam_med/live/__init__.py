"""Live volumes: what the local server asks of a volume while a person draws on its slices."""
