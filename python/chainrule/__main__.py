"""`python -m chainrule`."""

import sys

from chainrule._cli._main import main

if __name__ == "__main__":
    sys.exit(main())
