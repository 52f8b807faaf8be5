"""Engines: how the networks run. Torch on any of its devices, compiled or not, OpenVINO on CPUs."""
