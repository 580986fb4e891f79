"""What a representation is worth: linear evaluation, kNN, metrics."""
