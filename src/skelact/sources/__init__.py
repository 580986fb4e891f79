"""Readers, one raw format each, and the synthetic generator, which writes a raw format."""
