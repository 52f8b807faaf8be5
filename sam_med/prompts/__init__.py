"""Prompts: boxes, points and masks of named objects, from files or options."""
