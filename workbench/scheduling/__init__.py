"""Jobs on unlike machines: which runs where and when. Several networks' layers on a chip's sub-accelerators are that.

A job runs on one machine without a break, a machine runs one job at a time, and a job begins when those before it are
done. Cycles and energy of a job depend on its machine. Modules: `jobs` (values), `listing` (many assignments at once),
`bounds` (what no schedule can beat), `exact` (the best schedule, proven), `heuristic` (a good one, soon) and `solving`
(the one after the other).
"""
