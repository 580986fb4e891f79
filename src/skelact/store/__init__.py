"""The prepared data set on disk: reading it, making it of raw recordings, its protocols, copies, checks."""
