"""`python -m realmsync` is the command line `realmsync`."""

from realmsync.cli import main

if __name__ == "__main__":
    main()
