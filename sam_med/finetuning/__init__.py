"""Finetuning: a network taught organs by volumes with their label maps, and judged beside them."""
