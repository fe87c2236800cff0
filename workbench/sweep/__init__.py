"""Sweeps: every design of a hardware grid, PEs x NoC bandwidth x L1 x L2 (tiles and vector widths beside), costed.

A mapping's analysis depends on PEs, bandwidth and, in the `corrected` mode, on the L2's size; the buffers' sizes decide
whether a design is valid and what it takes of area, power and energy. So `compatible` and `corrected` analyse each
number of PEs and bandwidth once, as factors over the axes (`cells`), and the product of the axes is array arithmetic.
`screen` finds the front of latency, energy and area among billions in bounded memory, `study` goes through the blocks
of a plan, `running` does so as a run of the lab.

Three counts are always apart. Covered: designs of the grid, decided one way or the other. Valid: those whose buffers
hold what the mapping needs and that keep the limits. Evaluated: those whose three objectives were computed.
"""
