"""Foreign parameter names live here and nowhere else."""
