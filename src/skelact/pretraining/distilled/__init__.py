"""Self-distillation without a decoder: SLiM, and STJD-D, in which joint density decides."""
