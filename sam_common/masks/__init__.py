"""Masks: from the logits of the decoder to pixels, run lengths and pictures."""
