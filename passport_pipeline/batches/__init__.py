"""Raw batches: the rows that were read at a hospital, in files.

What belongs here: files and their errors. What does not: reading hospitals (sources), which days are read (windows).
"""
