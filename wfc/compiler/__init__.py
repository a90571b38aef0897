"""Source in, two bundles and a manifest out."""
