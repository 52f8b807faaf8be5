"""Comparison of two class maps: areas from class to class, and what moved pixels could explain."""
