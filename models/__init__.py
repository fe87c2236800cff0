"""Owns the surrogates: arrays in, arrays out; a leaf that knows neither the store nor the workbench."""
