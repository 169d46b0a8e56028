"""`python -m deploy.local` unpacks the private root, so that the first start of a server need not."""

import sys

from deploy.local import root
from lifeline.errors import InstallError

try:
    root.ensure(lambda line: print(f"install: {line}", flush=True))
except InstallError as error:
    sys.exit(f"install: {error}")
except KeyboardInterrupt:
    sys.exit(130)
