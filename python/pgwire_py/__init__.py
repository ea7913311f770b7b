"""The PostgreSQL wire protocol for Python, both ends of it, at native speed."""
