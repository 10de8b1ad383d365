"""Control charts that people read: limits, rules, icons, and the comparison of units."""
