"""Files of a server: which ones may be opened, uploads, and files read under names of its own."""
