"""Prompt files: vector files, CSV, VOC XML and Python objects, read into prompt tables."""
