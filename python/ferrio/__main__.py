"""``python -m ferrio``."""

from ferrio._cli import main

main()
