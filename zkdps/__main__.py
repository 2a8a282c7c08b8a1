"""`python -m zkdps`: the same as the `zkdps` command."""

from zkdps.cli import main

if __name__ == "__main__":
    main()
