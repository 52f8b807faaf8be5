"""Sessions: an open raster or volume, the log of its edits, and the masks that follow from it."""
