"""What a person types: a module for each command, which reads options and shows what came of it.

The work is done elsewhere, and imported when a command runs: ``spotstream --help`` stays quick.
"""
