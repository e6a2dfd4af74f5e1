"""What detectors may know of outlets and points, and how it is read."""
