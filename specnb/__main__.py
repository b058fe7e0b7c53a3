"""``python -m specnb`` is the command ``specnb``."""

import os
import sys

if sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - pathlib imports modules that may be hidden
    del sys.path[0]  # modules in the current folder do not hide those of Python

from specnb.commands.main import main

sys.exit(main())
