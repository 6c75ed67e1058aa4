"""Search for a tracker's settings on sequences with ground truth."""
