"""Reads ground truth: the annotations of UA-DETRAC, UAVDT, MOTChallenge and COCO."""
