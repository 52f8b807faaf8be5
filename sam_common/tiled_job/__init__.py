"""Tiled jobs: the windows of a large image, run one by one, with results on disk to resume from."""
