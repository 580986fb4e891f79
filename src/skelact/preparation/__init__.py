"""From raw recordings to the prepared data set on disk: cleaning, actors, centring, protocols, store."""
