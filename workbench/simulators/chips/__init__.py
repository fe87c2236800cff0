"""Several networks at once on a chip of sub-accelerators: costs by the `dataflow` simulator, assignment and schedule.

`costs` says what a layer costs on a sub-accelerator, in one of three modes; `evaluate` puts the layers of all networks
onto the sub-accelerators and tells latency, energy and area of the chip.
"""
