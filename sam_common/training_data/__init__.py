"""Training data: images with known objects, their views, and simulated prompts for them."""
