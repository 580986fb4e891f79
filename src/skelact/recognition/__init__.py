"""From a representation to named actions: classifiers taught with few examples, and their packages."""
