"""What every record system on MySQL or MariaDB shares; it knows no table.

connection          a database, open for reading: sessions, snapshots, errors
pymysql_connection  what is used of PyMySQL beyond its documentation
known_errors        what an error number means
grants              what an account may do beyond reading
schema              which tables, columns and indexes a database has
row_definition      what a stream's table says of its rows: root, day, liveness, checksum
survey              digests by day and id range; survey_reading reads them from the server
row_checksums       the rows of one day, each with its checksum
table_reader        these three as the reader of a stream
activity            when a change was last committed
fingerprint         whether this is still the same database
clock               the server's clock
"""
