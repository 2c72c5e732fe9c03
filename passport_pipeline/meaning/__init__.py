"""What written words mean, whichever record system they come from.

What belongs here: methods that read words, and the data that they go by. What does not: anything that knows a record
system, a frame or a record (sources, records).
"""
