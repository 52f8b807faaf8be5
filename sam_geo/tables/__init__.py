"""Tables: vector files written whole, read back, and replaced together."""
