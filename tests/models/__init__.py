"""Where the demo models come from, and the small torch modules the suites share."""
