"""Sessions: open rasters and volumes, the logs of their edits, and the masks that result."""
