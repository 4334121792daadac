"""What Flow does, whichever of its three interfaces asks for it."""
