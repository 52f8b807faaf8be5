"""The local server: one process with the networks, many thin hosts; see `docs/server.md`."""
