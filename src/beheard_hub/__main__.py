"""`python -m beheard_hub` and the command `beheard`."""

from beheard_hub.cli import main

if __name__ == "__main__":
    main()
