"""Programs of the semantics suite, by subject."""
