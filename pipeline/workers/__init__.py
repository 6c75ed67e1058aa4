"""The work of each stage's process."""
