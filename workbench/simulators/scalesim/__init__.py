"""SCALE-Sim 3.0.0, a cycle-accurate systolic array, behind the workbench's tasks and outcomes, in its own processes.

SCALE-Sim simulates a layer as one matrix product on a systolic array of two dimensions, with one SRAM for each operand
and DRAM behind them. It reports cycles, stalls, utilisation and words moved, but no energy and no area. So

- **the array** has two dimensions. Its height is the one along which partial sums run: the one that the innermost
  memory of the outputs serves, or the second where that memory says nothing (it serves both or none); the width is the
  other one. Nothing else in an architecture tells them apart, and SCALE-Sim treats them differently.
- **the mapping** is what the setting `dataflow` says, whatever the design's spatial mapping is: that is how SCALE-Sim
  works. Rows by columns hold, and cycles step through: `ws` window x filters, outputs; `is` window x outputs, filters;
  `os` outputs x filters, window (the C x FY x FX values that one output sums).
- **an operand's SRAM** is the first of its memories that the whole array shares. Where it has none on the chip, its
  memories inside the array are the SRAM, all instances of the outermost level together: a TPU's weights go from DRAM
  straight into the PEs. A memory that several operands share is split evenly, because SCALE-Sim's buffers are apart.
  It counts words, so that sizes in kB are words of the operand's width; what is below 1 kB it cannot have, which makes
  a design infeasible. Sums that are not finished are as wide as `partial_bits` says.
- **memories between that SRAM and the last one** hold nothing for longer: what moves between the two is written to
  and read from each of them once. SCALE-Sim has no third level, and there is no other way for the data.
- **memories within the array** must hold a value of each of their operands, or the design is infeasible. Their
  accesses are not counted, because SCALE-Sim counts none.
- **the last memory** is DRAM. With `bandwidth` = `calc`, the default, it delivers what the array asks for, as SCALE-Sim
  does unless it is told otherwise: there are no stalls, and nothing but the array's size changes the latency. With
  `user`, each operand has an interface of its own as wide as the DRAM's port, and prefetch, stalls and draining count.
  That mode fetches windows with their repetitions, and where they do not fit fetches much of it again (3.0.0: 25
  times the weights of a 15 x 15 x 64 layer through 16 kB, when each is used once). Its stalls come on top of the
  cycles that `max_cycles` bounds, and its time grows with their square, so that only `time_limit_s` ends it. Hence it
  is not the default.
- **energy** is the architecture's costs times the words counted, at the operand's share of an access of a full word,
  and its MACs; SRAM is written what DRAM is read, and read what DRAM is written. `ws` and `is` send the partial sums
  of every fold of the window to DRAM, and SCALE-Sim counts no reads of them. Compare such traffic with no other
  simulator. Area is the workbench's own estimate.
- **cycles** are one more than reported, since SCALE-Sim reports the number of the last cycle, counted from 0; and the
  SRAM writes of outputs under `os` are fewer, since it adds the array's rows and columns in every fold.
- **a layer** is one convolution or matrix product: padding is part of the input and fetched with it, as SCALE-Sim's own
  inputs have it. Groups, batches, dilated kernels and strides that differ in y and x are refused: it has none of them.
"""

from workbench.simulators.scalesim.simulator import ScaleSim, ScaleSimSettings

__all__ = ["ScaleSim", "ScaleSimSettings"]
