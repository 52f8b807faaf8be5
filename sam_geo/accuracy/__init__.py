"""Accuracy and area of a class map, estimated from a probability sample that is drawn for it."""
