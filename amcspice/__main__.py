"""``python -m amcspice``: the command line."""

from amcspice.cli import main

main()
