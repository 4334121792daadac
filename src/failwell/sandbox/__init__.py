"""The five systems re-created locally, with faults to inject."""
