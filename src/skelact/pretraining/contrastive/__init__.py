"""Contrastive pre-training: STJD-CL, momentum contrast, and contrast with random joints."""
