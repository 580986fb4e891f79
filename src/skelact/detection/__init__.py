"""Action detection in untrimmed recordings: windows, the layer, segments, how well they meet the truth."""
