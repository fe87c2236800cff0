"""Data-centric dataflows: a mapping as directives (TemporalMap, SpatialMap, Cluster), costed by two modes.

`compatible` is the public tool (MAESTRO, Kwon et al., MICRO 2019) with all of its quirks, equal in every count.
"""
