"""Scores of detection and tracking against ground truth, by the definitions of the benchmarks."""
