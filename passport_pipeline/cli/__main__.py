"""`python -m passport_pipeline.cli`."""

from passport_pipeline.cli import main

main()
