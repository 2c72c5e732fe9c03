"""Everything that imports Dagster: assets, jobs, checks, sensors and schedules, each a thin layer over the domain.

What does not belong here: any rule.
"""
