"""``python -m specnb`` is the command ``specnb``."""

import sys

from specnb.reproduce.cli import main

sys.exit(main())
