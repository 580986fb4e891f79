"""Spatio-temporal joint density (STJD), its change over time, and the prime joints it reveals."""
