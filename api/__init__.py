"""The doors: HTTP, server-sent events, pages and the command line."""
