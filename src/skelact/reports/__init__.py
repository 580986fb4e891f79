"""What one can look at: figures."""
