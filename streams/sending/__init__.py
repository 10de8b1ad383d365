"""From a file on somebody's disk to events that are sent."""
