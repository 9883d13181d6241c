"""Sessions out of the store, in one format or another: `material` is what every format is written from."""
