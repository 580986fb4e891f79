"""The evaluations, those of one kind in a file; :func:`skelact.evaluate` calls them by name."""
