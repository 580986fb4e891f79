"""Augmentations of several strengths."""

from dataclasses import replace

from skelact.clips.settings import AugmentationSettings

ORDINARY = AugmentationSettings()
STRONG = replace(ORDINARY, noise_sigma=0.05)
MILD = replace(ORDINARY, flip=False, rotation=False, noise=False, blur=False, axis_mask=False, rescale=False)
NONE = replace(MILD, crop=False, shear=False)
