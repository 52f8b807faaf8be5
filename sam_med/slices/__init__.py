"""Slices: a volume as the network sees it, each slice embedded once."""
