"""Whether a model is right: labelled videos through the service's pipeline, by several samplings, and the counting."""
