"""Units of measure: which UCUM code a written unit surely is.

ucum        finding the code of a text
units.yaml  the codes and how people write them
"""
