"""What a build is: bundles, signatures, fingerprints, versions."""
