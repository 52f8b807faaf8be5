"""Demo: trees from boxes and a land-cover map from a few samples, with pictures of both."""
