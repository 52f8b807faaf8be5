"""Jobs of a server: work that takes long, in lanes, with progress, cancelling and results."""
