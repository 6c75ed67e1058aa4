"""Annotated images to train on: UA-DETRAC, UAVDT, COCO JSON and YOLO, as one sample type."""
