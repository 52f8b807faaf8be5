"""Learning: from labelled samples to a classifier of pixels, tested on ground it has not seen."""
