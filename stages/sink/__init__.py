"""Results: text files, annotated video and the run report, written whole or not at all."""
