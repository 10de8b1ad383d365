"""Many series at once: e-detectors, online false discovery rates, and scans for clusters."""
