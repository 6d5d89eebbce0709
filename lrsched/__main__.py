"""``python -m lrsched``: the command line."""

from lrsched.cli import main

if __name__ == "__main__":
    main(name="python -m lrsched")
