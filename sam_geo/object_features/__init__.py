"""Object features: what bands, outlines and a network say of objects, each measured as a whole."""
