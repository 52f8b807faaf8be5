"""Evaluation: a segmenter on images with known objects, by the published protocols."""
