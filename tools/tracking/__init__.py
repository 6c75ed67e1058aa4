"""Tracking of detections from files, without a pipeline."""
