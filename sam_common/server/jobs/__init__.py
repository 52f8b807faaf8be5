"""Jobs of a server: long work in lanes, with progress, cancellation and files as results."""
