"""``python -m skelact`` is the command ``skelact``, e.g. where the folder of commands is not on the path."""

import sys

from skelact.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
