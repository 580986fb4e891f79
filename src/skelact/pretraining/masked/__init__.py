"""Masked pre-training: STJD-MP, MAMP and MAE."""
