"""Which hospitals there are, what they and the pipeline are set to, and whether a hospital is fit to be read.

settings    the environment's PASSPORT_* variables
registry    hospitals.yaml
preflight   one hospital looked at before it is relied upon
"""
