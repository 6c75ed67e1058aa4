"""What ``spotstream run`` shows and logs around a pipeline: warnings, progress and a summary."""
