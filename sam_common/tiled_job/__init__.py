"""Tiled jobs: the windows of a job, run in order, with parts on disk that survive a kill."""
