"""`python -m lifeline` is `lifeline`."""

from lifeline.cli import main

main()
