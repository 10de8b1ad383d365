"""What raises an alert on counts: evidence of a change over several feeds, and its calibration."""
