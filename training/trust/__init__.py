"""Probes for what a model must not know: they look at a training set before anything is fitted."""
