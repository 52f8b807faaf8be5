"""The land-cover job: from samples, or a model, to a class map with all that lies beside it."""
