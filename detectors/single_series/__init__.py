"""Evidence on one series: shares, measurements, silence."""
