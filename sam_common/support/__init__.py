"""Support: what any program needs: whole files, the cache folder, addresses, the terminal."""
