"""Networks of 8-bit integers: from the ranges that activations take over real clips, published if they verify."""
