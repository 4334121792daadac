"""What turns events into something that people and machines read."""
