"""Owns the surrogates, and networks that are trained on images: arrays in, arrays out; a leaf that knows no other."""
