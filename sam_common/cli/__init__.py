"""`sam-common` on the command line, and the options that all three programs share."""
