"""Data-centric dataflows: a mapping as directives (TemporalMap, SpatialMap, Cluster), costed in one of two modes.

Files. Blanks and , - > ( ) : ; separate tokens, so that `K: 64`, `K->64` and `K 64` are equal; // ends a line.

    file      = { "Constant" NAME INT | "Network" [NAME] "{" { layer } "}" | "Dataflow" "{" { directive } "}" }
    layer     = "Layer" [NAME] "{" "Type" TYPE ["Stride" "{" { DIM INT } "}"] "Dimensions" "{" { DIM INT|NAME } "}"
                [ "Dataflow" "{" { directive } "}" ] "}"
    directive = ("TemporalMap" | "SpatialMap") size size DIM | "Cluster" size ("P" | "L")
    size      = INT | NAME | "Sz" DIM

TYPE is CONV, DSCONV, NGCONV, TRCONV or GEMM, DIM one of N G K C R S Y X Y' X' (GEMM: M N K); an Accelerator block is
skipped. A TemporalMap of R or S takes it whole; Dimensions give Y, X or Y', X', not both; a level has one or two
SpatialMaps; there are at most four levels. Numbers are at least 1.

`compatible` is the public tool (MAESTRO, Kwon et al., MICRO 2019) with all of its quirks: modules `levels`, `cases`,
`volumes`, `built` and `compatible`. Every count, cycle, energy, area and power equals the tool's; where it crashes, a
design cannot be built.

`corrected`, the default, reads the mapping as the loop nest that it means: modules `tiles`, `steps`, `nest`, `memory`,
`chip` and `corrected`. It deviates from `compatible` in this:

 1. Extents are those of the computation: tiles of outputs, channels and kernel cover each product exactly once, with
    any stride, dilation, overlap or gap in the maps. So the MACs are the layer's, and no PE does more than one (times
    the vector width) in a cycle. (The tool takes output extents without the stride, and edges from other extents.)
 2. Every dimension's edge is its real remainder, at every level and in every instance, for data as for work.
 3. A tensor is fetched again when dimensions of its own inside the moving one start again, although that one does not
    concern it.
 4. Outputs leave when their tile changes, not in every step; sums that were begun before come back.
 5. What several PEs share is read once and arrives at each: L1 writes count the fan-out.
 6. The L1 is written by what arrives there, whatever the number of cluster levels; a tensor stays in it between steps
    only where a PE has a memory for it.
 7. A sub-cluster loads while it computes, as the array does; the tool adds its whole load to every run. What a
    sub-cluster holds already is not loaded again.
 8. The layer begins with a load from DRAM and ends with a store to it, and takes at least as long as DRAM needs for
    what it moves; the tool bounds single steps by half of the first one's needs.
 9. DRAM moves what the size of the L2 makes it move: tensors are kept on the chip as far as there is room.
10. Energy has a price by size for L1 and L2 (`problem.technology`), and includes DRAM, wires (`prices`), and buffers of
    clusters that take several steps on a tile of their own.
11. Area is that of PEs, memories of their actual size, latches, lanes and cluster buffers: linear in the PEs, where the
    tool's arbiter grows with their square. Power is energy by time, where the tool's does not depend on what is done.
12. Two SpatialMaps of an input dimension and its kernel dimension spread the kernel; of two others the first spreads,
    the second is taken in steps. (The tool lets sub-cluster i have the i-th part of both and leaves the rest out.)
13. A dimension that a level maps twice is mapped as at first; groups (NGCONV) couple no input channel to the output;
    the batch N counts for every layer that has one.
14. Tiles of a PE are double buffered in the element's own bits, the output's as outputs; the tool takes bytes, and the
    input's window for the output.
15. Mappings whose short edge steps crash the tool are costed as any other. Clusters of more PEs than there are fold
    onto those there are (a design of a task is told to be impossible all the same).
"""

from workbench.simulators.dataflow.simulator import DataflowSettings, DataflowSimulator

__all__ = ["DataflowSettings", "DataflowSimulator"]
