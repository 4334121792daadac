"""Generators that string policies together and read like the story they tell."""
