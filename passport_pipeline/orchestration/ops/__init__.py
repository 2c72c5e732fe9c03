"""What an operator does in the web UI besides running partitions: the same as the commands of these names.

What belongs here: ops with their configuration, in jobs of their own. What does not: what is done (the domain).
"""
