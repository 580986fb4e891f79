"""Self-supervised action recognition from 3-D skeletons, steered by spatio-temporal joint density."""

__version__ = "0.1.0"
