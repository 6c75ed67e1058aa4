"""Detection in images, without a pipeline."""
