"""What is true of sequences: files of UA-DETRAC, UAVDT and MOTChallenge, and what they say."""
