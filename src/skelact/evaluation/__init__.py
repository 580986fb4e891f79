"""What a representation is worth: frozen features, linear evaluation, neighbours, fine-tuning."""
