"""Starts the processes of a run, watches them, and answers for them."""
