"""Self-supervised methods: masked motion prediction."""
