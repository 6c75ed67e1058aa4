"""Ground truth: reading the annotations of UA-DETRAC, UAVDT, MOTChallenge and COCO."""
