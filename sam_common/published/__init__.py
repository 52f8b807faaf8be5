"""Published files: checkpoints and samples, fetched once, verified, and kept in a cache."""
