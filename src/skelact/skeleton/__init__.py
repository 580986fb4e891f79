"""What a skeleton is: topologies and sequences."""
