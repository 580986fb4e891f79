"""Pages of runs: what several found, and one while it trains."""
