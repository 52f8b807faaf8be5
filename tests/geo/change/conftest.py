"""Pairs of class maps for every test of this folder."""

from __future__ import annotations

from map_pairs import landscape, make_map, open_pair, photograph  # noqa: F401  # fixtures
