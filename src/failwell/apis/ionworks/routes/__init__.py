"""The routes, a room of resources a file."""
