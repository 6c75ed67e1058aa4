"""Starts the processes of a run, watches them, and reports on them."""
