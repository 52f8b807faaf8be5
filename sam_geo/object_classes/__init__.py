"""Object classes: objects like a few that a user shows, and a class for each object of a layer."""
