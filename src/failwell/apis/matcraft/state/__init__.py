"""What the service keeps, in SQLite: keys, campaigns, jobs with their logs, datasets."""
