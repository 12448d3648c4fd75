"""``python -m amcspice``: the command line."""

from amcspice.cli import main

if __name__ == "__main__":
    main()
