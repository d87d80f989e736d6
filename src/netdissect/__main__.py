"""``python -m netdissect``, the same as the command."""

from netdissect.cli import main

main()
