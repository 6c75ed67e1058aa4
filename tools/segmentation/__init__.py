"""Foreground masks from motion, for data sets that have boxes alone."""
