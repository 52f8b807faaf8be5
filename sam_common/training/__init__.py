"""Training: a network tuned on a user's own objects, judged on objects that took no part in it."""
