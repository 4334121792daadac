"""What MatCraft's routes do, once the caller is known to have the right."""
