"""The commands, one module each, which parse the options and print the results.

The work is done elsewhere, in modules imported when a command runs, so that
``spotstream --help`` stays fast.
"""
