"""Files of a server: which may be opened, how they are held open, and uploads."""
