"""The detector as a file for other programs."""
