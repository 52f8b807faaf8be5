"""`sam-geo` on the command line."""
