"""`python -m livegen`."""

import sys

from livegen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
