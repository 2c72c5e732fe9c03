"""MongoDB as such: the connection, bulk writes, collections with their validators and indexes."""
