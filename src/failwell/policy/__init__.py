"""Pure decisions: one file, one question."""
