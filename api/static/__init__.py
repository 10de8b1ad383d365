"""What the pages need besides themselves: style, script and mark."""
