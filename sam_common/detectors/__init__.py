"""Detectors: boxes of the objects in an image that words describe, by open-vocabulary networks."""
