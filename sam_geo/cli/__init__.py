"""Command line: the program `sam-geo` and its commands."""
