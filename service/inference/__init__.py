"""Clips to probabilities: the queue, the batches made from it, and the backends that run them."""
