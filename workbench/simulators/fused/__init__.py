"""Fused-layer schedules: groups of layers that work through the network tile by tile, maps between them on chip.

After Alwani et al. 2016 (MICRO) and DeFiNES (Mei et al. 2023, HPCA; its public code), restated on the loop-nest
engine of this workbench. A layer outside any group is evaluated exactly as without fusion. Operators without MACs
cost nothing by themselves, in a group as without: what they read and write again layer by layer is not counted there,
which understates the gain of fusion. Inside a group their maps take room.
"""
