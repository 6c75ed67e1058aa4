"""Annotated images to train on: UA-DETRAC, UAVDT, COCO json, YOLO folders, as one sample type."""
