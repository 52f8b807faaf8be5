"""The Segment Anything networks in torch, exact to the published ones.

Attribute names follow the published checkpoints, so their keys load unchanged; everything else is
written for inference: batch norms are folded, attention runs through
`scaled_dot_product_attention`, and the decoder computes once what its prompts share.
"""
