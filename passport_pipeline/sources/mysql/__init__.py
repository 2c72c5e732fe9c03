"""What every record system on MySQL or MariaDB shares: connections, grants, surveys; it knows no table."""
