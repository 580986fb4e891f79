"""From the store to batches of clips: cropping, resizing, rotation, streams, augmentation."""
