"""What stands before every route: who is asking, how often, and whether Flow is open at all."""
