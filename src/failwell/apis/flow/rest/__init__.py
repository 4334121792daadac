"""Flow's REST interface."""
