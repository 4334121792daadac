"""Flow's routes under `/v2`, which answer failures with problem documents."""
