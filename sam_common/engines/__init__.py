"""Engines: how the networks run, by torch on any of its devices or by OpenVINO on a CPU."""
