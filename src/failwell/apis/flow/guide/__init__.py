"""The helpers of Flow's error handling guide: see `failwell.apis.flow.patterns`."""
