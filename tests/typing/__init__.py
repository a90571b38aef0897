"""Programs that are only type-checked: each ignored line must be an error."""
