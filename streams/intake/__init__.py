"""From bytes to facts: reading, checking, the personal-data screen, reasons for refusals."""
