"""The systems that failwell knows by heart, one a room."""
