"""`sam-med` on the command line."""
