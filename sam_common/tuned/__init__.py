"""Tuned models: what a network learned beyond its base, as a small file with its model card."""
