"""The runner, by subject."""
