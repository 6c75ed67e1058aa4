"""What is true of a scene: files of UA-DETRAC, UAVDT, MOTChallenge and COCO, and what they say."""
