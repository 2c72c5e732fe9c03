"""What starts runs: the command line in its own process today, sensors and schedules beside it.

What belongs here: which partitions are requested, and when. What does not: what a run does (assets).
"""
