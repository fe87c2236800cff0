"""`python -m workbench.cli`: the same as `dse`, wherever that is installed."""

from workbench.cli import main

main()
