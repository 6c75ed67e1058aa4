"""Detection and tracking scores against ground truth, as defined by the benchmarks."""
