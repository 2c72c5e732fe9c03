"""What the pipeline and its hospitals are set to."""
