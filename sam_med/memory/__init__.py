"""Method `memory`: an object followed along one axis by the memory of a SAM 2."""
