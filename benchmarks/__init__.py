"""The figures that the README quotes: each module prints them, as `python -m benchmarks.NAME` or by its file's name.

Of a script Python puts the folder first on the path, and there `store.py` would hide the package of that name.
Importing this package, before all others of the project, takes the folder off.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _HERE]
