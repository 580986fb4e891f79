"""Self-supervised methods: which there are, and their runs."""
