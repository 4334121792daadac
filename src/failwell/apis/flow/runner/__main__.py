"""One process of an execution."""

import sys

from failwell.apis.flow.runner.process import main

sys.exit(main(sys.argv[1]))
