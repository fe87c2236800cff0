"""Owns the table of searches: listing one here is what offers it to users, and what gets it tested."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from workbench.errors import UserError, unknown_name
from workbench.problem.yamlfile import build_model
from workbench.searches.anneal import Anneal
from workbench.searches.base import Search, SearchSettings
from workbench.searches.bottleneck import Bottleneck
from workbench.searches.coordinate import Coordinate
from workbench.searches.forest import ForestSearch
from workbench.searches.genetic import Genetic
from workbench.searches.guided import Guided
from workbench.searches.mlp import Mlp
from workbench.searches.multitask import MultiTaskSearch
from workbench.searches.optuna import Optuna
from workbench.searches.reinforce import Reinforce
from workbench.searches.transfer import Transfer
from workbench.searches.uniform import Uniform

SEARCHES: dict[str, type[Search]] = {
    "uniform": Uniform,
    "anneal": Anneal,
    "genetic": Genetic,
    "coordinate": Coordinate,
    "bottleneck": Bottleneck,
    "reinforce": Reinforce,
    "forest": ForestSearch,
    "optuna": Optuna,
    "guided": Guided,
    "mlp": Mlp,
    "transfer": Transfer,
    "multitask": MultiTaskSearch,
}


def search_settings(name: str, given: Mapping[str, Any], preset: str | None = None) -> SearchSettings:
    """A search's settings: the defaults, a preset's over them, and what is given over both.

    Raises:
        UserError: there is no such search, preset or setting, a value is out of its bounds, or the search needs a
            library that is not there.
    """
    if name not in SEARCHES:
        raise unknown_name("search", name, SEARCHES)
    if (needed := SEARCHES[name].needs) is not None and find_spec(needed) is None:
        raise UserError(f"The search {name!r} needs {needed}: pip install 'dse-workbench[{needed}]'")
    presets = SEARCHES[name].presets
    if preset is not None and preset not in presets:
        raise unknown_name(f"preset of search {name!r}", preset, presets)
    content = {**(presets[preset] if preset else {}), **given}
    return build_model(content, SEARCHES[name].Settings, f"Settings of search {name!r}")
