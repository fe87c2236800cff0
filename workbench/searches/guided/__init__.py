"""The search that starts from all the lab knows: see `search`."""

from workbench.searches.guided.search import Guided

__all__ = ["Guided"]
