"""Results: text files, annotated video and the run report, all written atomically."""
