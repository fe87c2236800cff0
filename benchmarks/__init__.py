"""The figures that the README quotes: each module prints them."""
