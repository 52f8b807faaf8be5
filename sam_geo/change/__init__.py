"""The change job: from two class maps, or two images and a model, to a table, a record, a page."""
