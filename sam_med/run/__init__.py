"""Runs: a case or many, from files to files."""
