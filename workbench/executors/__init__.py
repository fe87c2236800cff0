"""Executors: what hands designs to worker processes, on this machine or on others, and takes the outcomes back.

An executor hands over and reports; it decides nothing. What is handed over when, and who is to blame when a worker
dies, is told by `workbench.workers` and `workbench.blame`, for all executors alike. Modules: `base` (the protocol, and
what a worker does), `table` (the executors by name), `deeds` (what each worker has done), and one for each: `loky`,
`dask`, `ray`.
"""
