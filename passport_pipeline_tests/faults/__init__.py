"""What goes wrong on purpose.

points   named fault points of a run (what is sent to MongoDB, to MariaDB, put in place as a file), and dying at one
child    a process that ticks or runs windows and dies where it is told to
outages  what befalls the servers: connections killed, a restart, a step-down, a full disk
proxy    a TCP proxy that drops connections where it is told to

What belongs here: injecting faults from outside; the pipeline knows nothing of it. What does not: what must hold
afterwards (the tests, benchmarks.soak).
"""
