"""Sequential tests: charts that accumulate evidence point by point, and how long they run."""
