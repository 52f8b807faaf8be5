"""Prompted jobs: windows around prompts, decoded and refined, to one row for each prompt."""
