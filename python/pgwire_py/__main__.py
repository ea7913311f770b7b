"""``python -m pgwire_py`` is ``pgwire-py``."""

from .cli import main

if __name__ == "__main__":
    main()
