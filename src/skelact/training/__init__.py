"""The training loop and what it is made of; it knows no particular method."""
