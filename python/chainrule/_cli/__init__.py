"""The command line, `chainrule train`, `evaluate` and `predict`: _main.py calls the other files."""
