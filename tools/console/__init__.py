"""What the commands write to terminals and how they are interrupted."""
