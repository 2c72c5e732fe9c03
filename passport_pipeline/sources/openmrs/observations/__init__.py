"""Observations, the stream of `obs` rows.

stream           this package behind the interface of sources
row_definition   a row's root, day, liveness and checksum
changed_blocks   where older rows may have changed, as newer ones tell
reading          live rows in frames (packed_rows: thousands of rows in one field)
withdrawn        how many rows are not live though nobody voided them
"""
