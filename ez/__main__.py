"""`python -m ez`."""

from ez.cli import main

main()
